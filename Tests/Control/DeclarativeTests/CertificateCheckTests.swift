import MeshEntities
import MeshTLS
import Testing

@testable import MeshDeclarative

@Suite("The certificates of a file")
struct CertificateCheckTests {
    private static let now = 1_767_225_600
    private static let first = Self.make(.ecdsa)
    private static let second = Self.make(.ecdsa)
    private static let rsa = Self.make(.rsa)

    private static func make(_ type: TLSCertificate.KeyType) -> TLSCertificate.SelfSigned {
        guard let made = TLSCertificate.selfSigned(keyType: type, now: Self.now) else {
            fatalError("OpenSSL makes no certificate")
        }
        return made
    }

    private func file(_ fields: [(String, String)], of kind: String = "certificates") -> String {
        let body = fields.map { name, text in
            "    \(name): |\n"
                + text.split(separator: "\n").map { "      \($0)\n" }.joined()
        }
        return "_format_version: '3.0'\n\(kind):\n  - id: \(Self.id)\n" + body.joined()
    }

    private static let id = "11111111-1111-4111-8111-111111111111"

    private func messages(
        _ fields: [(String, String)],
        of kind: String = "certificates"
    ) -> [String] {
        do {
            _ = try DeclarativeFile.parse(self.file(fields, of: kind), name: "kong.yml")
            return []
        } catch {
            return error.findings.map { "\($0.path): \($0.message)" }
        }
    }

    @Test("load with a key each, and with a second pair of another type")
    func loads() {
        let (first, rsa) = (Self.first, Self.rsa)

        #expect(self.messages([("cert", first.certificate), ("key", first.key)]) == [])
        #expect(
            self.messages([
                ("cert", first.certificate), ("key", first.key), ("cert_alt", rsa.certificate),
                ("key_alt", rsa.key),
            ]) == []
        )
    }

    @Test("must match their keys")
    func mismatch() {
        let (first, second, rsa) = (Self.first, Self.second, Self.rsa)

        #expect(
            self.messages([("cert", first.certificate), ("key", second.key)]) == [
                "certificates[0]: certificate does not match key"
            ]
        )
        #expect(
            self.messages([
                ("cert", first.certificate), ("key", first.key), ("cert_alt", rsa.certificate),
                ("key_alt", second.key),
            ]) == ["certificates[0]: alternative certificate does not match key"]
        )
    }

    @Test("must have pairs of two types of key")
    func sameType() {
        let (first, second) = (Self.first, Self.second)

        #expect(
            self.messages([
                ("cert", first.certificate), ("key", first.key), ("cert_alt", second.certificate),
                ("key_alt", second.key),
            ]) == [
                "certificates[0]: certificate and alternative certificate need to have different "
                    + "type (e.g. RSA and ECDSA), the provided certificates were both of the "
                    + "same type"
            ]
        )
    }

    @Test("must be readable")
    func damaged() {
        let first = Self.first
        let cut = first.certificate.replacing("M", with: "!")
        let cutKey = first.key.replacing("M", with: "!")

        #expect(
            self.messages([("cert", cut), ("key", cutKey)]) == [
                "certificates[0].cert: invalid certificate: damaged PEM text",
                "certificates[0].key: invalid key: damaged or encrypted PEM text",
            ]
        )
        #expect(
            self.messages([("cert", "x"), ("key", first.key)]) == [
                "certificates[0].cert: invalid certificate: no PEM certificate found"
            ]
        )
    }

    @Test("are warned of when they have expired, for Kong loads them")
    func expired() throws {
        let old = try #require(TLSCertificate.selfSigned(keyType: .ecdsa, now: 0))
        let text = self.file([("cert", old.certificate), ("key", old.key)])

        let parsed = try DeclarativeFile.parse(text, name: "kong.yml")

        #expect(parsed.warnings.map(\.message).first?.contains("has expired") == true)
    }

    @Test("of authorities get their digest, whatever the file says")
    func digest() throws {
        let fields = [("cert", Self.authority), ("cert_digest", "0000")]
        let parsed = try DeclarativeFile.parse(
            self.file(fields, of: "ca_certificates"),
            name: "kong.yml"
        )

        #expect(
            parsed.configuration.caCertificates.map(\.certDigest) == [
                "5c3ac54298dd0adbbcda956b0ae912aa36e88a9a962d2f41f02d7c3d516658d4"
            ]
        )
    }

    @Test("of authorities must be valid, and those of authorities")
    func authorities() {
        #expect(
            self.messages([("cert", Self.oldAuthority)], of: "ca_certificates") == [
                "ca_certificates[0]: certificate expired, \"Not After\" time is in the past"
            ]
        )
        #expect(
            self.messages([("cert", Self.first.certificate)], of: "ca_certificates") == [
                "ca_certificates[0]: certificate does not appear to be a CA because it is missing "
                    + "the \"CA\" basic constraint"
            ]
        )
        #expect(
            self.messages([("cert", Self.authority + "\n" + Self.authority)], of: "ca_certificates")
                == ["ca_certificates[0].cert: please submit only one certificate at a time"]
        )
    }

    @Test("come back from the canonical file as they were, with all that refers to them")
    func roundTrip() throws {
        var certificate = Certificate(
            id: try #require(EntityID(Self.id)),
            cert: Self.first.certificate,
            key: Self.first.key
        )
        (certificate.certAlt, certificate.keyAlt) = (Self.rsa.certificate, Self.rsa.key)
        var authority = CACertificate(id: EntityID(high: 1, low: 1), cert: Self.authority)
        authority.certDigest = TLSCertificate.chain(pem: Self.authority)?.first?.digest
        var service = Service(id: EntityID(high: 2, low: 1), name: "s", host: "a", port: 443)
        service.protocol = .https
        service.clientCertificate = certificate.id
        (service.tlsVerify, service.tlsVerifyDepth) = (true, 2)
        service.caCertificates = [authority.id]
        var stream = Route(id: EntityID(high: 3, low: 1), name: "stream", service: service.id)
        stream.protocols = [.tlsPassthrough]
        stream.snis = ["*.a.test"]
        stream.sources = [Route.Peer(ip: "10.0.0.0/8", port: 1), Route.Peer(port: 2)]
        var grpc = Route(id: EntityID(high: 3, low: 2), name: "grpc", paths: ["/p.Service"])
        (grpc.protocols, grpc.stripPath) = ([.grpcs], false)
        var socket = Route(id: EntityID(high: 3, low: 3), name: "socket", paths: ["/ws"])
        socket.protocols = [.ws, .wss]
        var upstream = Upstream(id: EntityID(high: 4, low: 1), name: "u")
        upstream.clientCertificate = certificate.id
        upstream.healthchecks.active.type = .grpcs
        upstream.healthchecks.active.healthy.interval = 1
        var configuration = GatewayConfiguration()
        configuration.certificates = [certificate]
        configuration.snis = [
            SNI(id: EntityID(high: 5, low: 1), name: "*", certificate: certificate.id),
            SNI(id: EntityID(high: 5, low: 2), name: "*.a.test", certificate: certificate.id),
        ]
        configuration.caCertificates = [authority]
        configuration.services = [service]
        configuration.routes = [stream, grpc, socket]
        configuration.upstreams = [upstream]

        let text = DeclarativeFile.write(configuration)
        let again = try DeclarativeFile.parse(text, name: "kong.yml")

        #expect(again.configuration == configuration)
        #expect(again.warnings == [])
        #expect(text.contains("client_certificate: \(Self.id)"))
    }

    /// Made with `openssl ca`, valid from 2020 to 9999.
    private static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBVDCB+6ADAgECAgECMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjAZMRcwFQYD
        VQQDDA5UZXN0IEF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAI4
        HG9Hhvm2R9bUmPeXWfVhbh13FNATex5lS0Yt0Zu4CDAgd9v4AjR9JmUyX6S2CFMi
        qCgbFyysjD5ETDEFdj+jMjAwMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFKzC
        vG+P6fGICn1eFRaipYNTxTGcMAoGCCqGSM49BAMCA0gAMEUCIHqgLkIyZtd/a+/w
        YhbOZFZsykBfkGgEWb0m5t6iRg95AiEAxdkz/340V1Mnr9VXY0HMPSfwul+amhgn
        h0g98z5RiWo=
        -----END CERTIFICATE-----
        """

    /// The same, valid for 2020 only.
    private static let oldAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBUjCB+aADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowGTEXMBUGA1UE
        AwwOVGVzdCBBdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQCOBxv
        R4b5tkfW1Jj3l1n1YW4ddxTQE3seZUtGLdGbuAgwIHfb+AI0fSZlMl+ktghTIqgo
        GxcsrIw+REwxBXY/ozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBSswrxv
        j+nxiAp9XhUWoqWDU8UxnDAKBggqhkjOPQQDAgNIADBFAiAfsRhZ7syX2lb0WD0z
        qs8brVZT3XqfLQl0Vcj4QPaqHwIhAKK+Wdc+2NEY+eFZicVSMJ8McAb8Q/er0So+
        Ub3NsEpg
        -----END CERTIFICATE-----
        """
}
