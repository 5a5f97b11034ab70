import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("When certificates end")
struct CertificateEndTests {
    @Test("tells the end of each certificate in use, and of those of the next configuration then")
    func ends() throws {
        let (shop, root) = (TestCertificate("shop.test"), TestCertificate("root.test"))
        var entities = TestEntities.proxying([Origin.saying("ok").port])
        var pair = shop.entity(1)
        let other = TestCertificate("shop.test", .rsa)
        pair.certAlt = other.certificate
        pair.keyAlt = other.key
        entities.certificates = [pair]
        let gateway = try Gateway.secure(entities)
        let end = try #require(TLSCertificate.chain(pem: shop.certificate)?.first?.notAfter)

        let told = gateway.plane.certificateEnds

        #expect(told.map(\.use) == [.certificate, .alternate, .fallback])
        #expect(told.map(\.id) == [pair.id.description, pair.id.description, "default"])
        #expect(told.map(\.name) == ["shop.test", "shop.test", "localhost"])
        #expect(told.allSatisfy { $0.notAfter == end })

        entities.certificates = []
        entities.caCertificates = [root.authority(2)]
        try gateway.install(entities, version: 2)

        #expect(gateway.plane.certificateEnds.map(\.name) == ["root.test", "localhost"])
    }

    @Test("a chain ends with the first of its certificates that does")
    func chain() throws {
        let early = try #require(
            TLSCertificate.selfSigned(commonName: "a.test", keyType: .ecdsa, now: 1_000_000)
        )
        let late = TestCertificate("b.test")
        let end = try #require(TLSCertificate.chain(pem: early.certificate)?.first?.notAfter)

        let told = CertificateEnd(.certificate, id: "1", pem: late.certificate + early.certificate)

        #expect(told?.name == "b.test")
        #expect(told?.notAfter == end)
        #expect(CertificateEnd(.certificate, id: "1", pem: "none") == nil)
    }
}
