import MeshReports
import Testing

@testable import MeshDataPlane
@testable import MeshNode

@Suite("Certificates near their end")
struct CertificateTroubleTests {
    private static let day = 86_400

    @Test(
        "are told of from 14 days before it, urgently from 3 and after it",
        arguments: [
            (14 * day, nil), (14 * day - 1, .certificateEnds), (3 * day, .certificateEnds),
            (3 * day - 1, .certificateEnded), (-1, TroubleReport.Kind.certificateEnded),
        ] as [(Int, TroubleReport.Kind?)]
    )
    func told(left: Int, kind: TroubleReport.Kind?) {
        let now = 1_767_225_600
        let end = CertificateEnd(
            use: .certificate,
            id: "7",
            name: "shop.test",
            notAfter: now + left
        )

        let troubles = NodeAdmin.troubles(of: [end], seconds: now)

        #expect(troubles.map(\.kind) == [kind].compactMap(\.self))
        #expect(troubles.allSatisfy { $0.subject == "shop.test" })
        #expect(
            troubles.allSatisfy {
                $0.message.hasPrefix("certificate 7 \(left < 0 ? "ended" : "ends") on 20")
            }
        )
    }
}
