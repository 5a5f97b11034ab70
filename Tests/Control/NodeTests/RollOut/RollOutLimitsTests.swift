import MeshReports
import Testing

@Suite("Limits of a roll-out")
struct RollOutLimitsTests {
    @Test("read as operators write them, and back")
    func reads() throws {
        let both = try RollOutLimits(guarding: "errors<1%, p99<+20%", holdSeconds: 60)
        #expect((both.errors, both.latencyRise, both.holdSeconds) == (0.01, 0.2, 60))
        #expect(both.guarding == "errors<1%,p99<+20%")
        #expect(try RollOutLimits(guarding: "p99<+150%", holdSeconds: 1).guarding == "p99<+150%")
        #expect(try RollOutLimits(guarding: "errors<0.5%", holdSeconds: 1).errors == 0.005)
        #expect(try RollOutLimits(guarding: "", holdSeconds: 5).guarding.isEmpty)
    }

    @Test(
        "are refused with the part that is wrong",
        arguments: [
            ("errors>1%", "'errors>1%' is no guard"), ("errors<1", "'errors<1' is no guard"),
            ("p99<20%", "'p99<20%' is no guard"), ("errors<101%", "'errors<101%'"),
            ("errors<1%,errors<2%", "'errors<2%' is no guard"), ("errors<nan%", "'errors<nan%'"),
        ]
    )
    func refuses(text: String, reason: String) {
        let error = #expect(throws: RollOutLimits.GuardError.self) {
            try RollOutLimits(guarding: text, holdSeconds: 60)
        }
        #expect(error?.description.contains(reason) == true)
    }

    @Test("hold for a second to a day", arguments: [0, 0.5, 86_401, -1, .nan, .infinity])
    func hold(seconds: Double) {
        #expect(throws: RollOutLimits.GuardError.self) {
            try RollOutLimits(guarding: "", holdSeconds: seconds)
        }
    }
}
