import MeshEntities
import Testing

@Suite("A consumer")
struct ConsumerTests {
    @Test("needs a user name or a custom id")
    func needsOne() throws {
        #expect(
            try complaints(Consumer.self, "{}") == [
                "@entity: at least one of these fields must be non-empty: 'custom_id', 'username'"
            ]
        )
        #expect(try entity(Consumer.self, #"{"custom_id": "7"}"#).customID == "7")
    }

    @Test("survives the way to its document and back")
    func roundTrip() throws {
        var consumer = Consumer(id: someID, username: "alice", customID: "7")
        consumer.tags = ["x"]

        let body = consumer.document.canonicalJSON

        #expect(try Consumer(decoding: RecordText.decode(body)) == consumer)
    }
}

@Suite("A certificate")
struct CertificateTests {
    private static let cert = "-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----"
    private static let key = "-----BEGIN PRIVATE KEY-----\\nAA==\\n-----END PRIVATE KEY-----"

    @Test("needs PEM texts, and the second pair whole or not at all")
    func refusals() throws {
        #expect(
            try complaints(Certificate.self, #"{"cert": "x", "key": "y"}"#) == [
                "cert: invalid certificate: no PEM certificate found",
                "key: invalid key: no PEM private key found",
            ]
        )
        let half = #"{"cert": "\#(Self.cert)", "key": "\#(Self.key)", "cert_alt": "\#(Self.cert)"}"#
        #expect(
            try complaints(Certificate.self, half) == [
                "@entity: all or none of these fields must be set: 'cert_alt', 'key_alt'"
            ]
        )
    }

    @Test("survives the way to its document and back, and so does a server name")
    func roundTrip() throws {
        let json = #"{"cert": "\#(Self.cert)", "key": "\#(Self.key)"}"#
        let certificate = try entity(Certificate.self, json)
        let sni = SNI(id: someID, name: "*.a.b", certificate: otherID)
        let authority = try entity(CACertificate.self, #"{"cert": "\#(Self.cert)"}"#)

        #expect(try Certificate(decoding: DocumentNode(certificate.document)) == certificate)
        #expect(try SNI(decoding: DocumentNode(sni.document)) == sni)
        #expect(try CACertificate(decoding: DocumentNode(authority.document)) == authority)
    }

    @Test("of an authority stands alone")
    func authority() throws {
        #expect(
            try complaints(CACertificate.self, #"{"cert": "\#(Self.cert)\#(Self.cert)"}"#) == [
                "cert: please submit only one certificate at a time"
            ]
        )
    }

    @Test("is bound to a server name only by reference")
    func serverName() throws {
        #expect(
            try complaints(SNI.self, #"{"name": "a:80"}"#) == [
                "name: must not have a port", "certificate: required field missing",
            ]
        )
    }
}
