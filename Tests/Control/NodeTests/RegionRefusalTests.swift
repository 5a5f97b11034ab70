import MeshEntities
import MeshReports
import Testing

@testable import MeshAdmin
@testable import MeshNode

@Suite("An order to a region is refused")
struct RegionRefusalTests {
    private static func refusal(
        _ shares: [(region: String, before: Double, after: Double)],
        emptied: [String]
    ) -> String? {
        let request = RegionOrderRequest(
            region: "us",
            order: .failover,
            duration: .seconds(60),
            isDryRun: true,
            isForced: false,
            author: ""
        )
        let shifts = shares.map { share in
            var shift = RegionOrderReport.Shift(upstream: "api", region: share.region)
            (shift.before, shift.after, shift.capacity) = (share.before, share.after, 1)
            return shift
        }
        return NodeAdmin.refusal(of: request, shifts, GatewayConfiguration(), emptied: emptied)
    }

    @Test("when a region that an operator has emptied would take the requests again")
    func emptied() {
        let back = [("eu", 0.0, 1.0), ("us", 1.0, 0.0)]
        #expect(
            Self.refusal(back, emptied: ["eu"])
                == "api: region eu, which an operator has emptied, would take 100 %; "
                + "first: meshctl region undrain eu"
        )
        #expect(Self.refusal(back, emptied: []) == nil)
        #expect(Self.refusal([("eu", 1, 1)], emptied: ["eu"]) == nil, "it is not in us at all")
        let third = [("eu", 0.0, 0.0), ("us", 1.0, 0.0), ("ap", 0.0, 1.0)]
        #expect(Self.refusal(third, emptied: ["eu"]) == nil)
    }
}
