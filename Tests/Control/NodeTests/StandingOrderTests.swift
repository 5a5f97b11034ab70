import MeshBalancing
import MeshChangelog
import MeshHealth
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("A standing order")
struct StandingOrderTests {
    @Test("comes back from what is kept as it was written")
    func roundTrip() {
        let subjects: [StandingOrder.Subject] = [
            .region("eu-west"), .target(upstream: "api", name: "[::1]:9000"),
        ]
        for subject in subjects {
            let order = StandingOrder(subject, "drain", since: 7, until: 9)
            let draft = order.draft(author: "alice")
            let (key, body) = (StandingOrder.key(of: subject), Array("drain 7 9".utf8))
            #expect(draft.changes == [key: body])
            #expect(draft.author == "alice")
            #expect(StandingOrder(key: key, body: body) == order)
        }
    }

    @Test(
        "is none when what is kept makes no sense",
        arguments: [
            ("orders/region/eu", "drain 7"), ("orders/region/eu", "drain x 9"),
            ("orders/planet/eu", "drain 7 9"), ("orders/region", "drain 7 9"),
            ("orders/target/api", "drain 7 9"), ("orders", ""), ("", ""),
        ]
    )
    func nonsense(key: String, body: String) {
        #expect(StandingOrder(key: key, body: Array(body.utf8)) == nil)
    }

    @Test(
        "reaches the machine that it concerns; words that are newer than this software reach none"
    )
    func sorting() {
        let orders = [
            StandingOrder(.region("eu"), "failover", since: 1_000, until: 2_000),
            StandingOrder(.region("us"), "levitate", since: 1_000, until: 2_000),
            StandingOrder(.target(upstream: "api", name: "a:1"), "disable", since: 1),
            StandingOrder(.target(upstream: "api", name: "b:1"), "paint", since: 1),
        ]
        #expect(
            orders.regionOrders == [
                RegionOrder(
                    .failover,
                    of: "eu",
                    since: MonotonicInstant(sinceStart: .seconds(1)),
                    until: MonotonicInstant(sinceStart: .seconds(2))
                )
            ]
        )
        #expect(
            orders.targetDirectives == [TargetDirective(.disable, upstream: "api", target: "a:1")]
        )
    }
}
