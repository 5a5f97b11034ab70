import Testing

@testable import MeshDataPlane

@Suite("A target that is quiet")
struct TargetQuietTests {
    /// A target that has answered every two milliseconds.
    private func busy(until end: Int64 = 100) -> TargetQuiet {
        var quiet = TargetQuiet()
        for moment in stride(from: Int64(2), through: end, by: 2) {
            quiet.asked(at: moment - 1)
            quiet.answered(at: moment, since: moment - 2)
        }
        return quiet
    }

    @Test("is one that owes two answers for eight usual gaps")
    func quiet() {
        var quiet = self.busy()
        quiet.asked(at: 100)
        quiet.asked(at: 110)
        let isQuiet = { (now: Int64) in
            _ = quiet.isQuiet(at: now, pass: 2 * now, isRepeatable: true)
            return quiet.isQuiet(at: now, pass: 2 * now + 1, isRepeatable: true)
        }
        #expect(!isQuiet(114))
        #expect(isQuiet(116))
    }

    @Test("is none that owes one answer only, or whose requests were sent before its last answer")
    func slow() {
        var one = self.busy()
        one.asked(at: 100)
        _ = one.isQuiet(at: 200, pass: 1, isRepeatable: false)
        #expect(!one.isQuiet(at: 201, pass: 2, isRepeatable: false))
        var many = self.busy(until: 90)
        for _ in 0..<5 { many.asked(at: 95) }
        many.answered(at: 100, since: 98)
        many.asked(at: 101)
        _ = many.isQuiet(at: 200, pass: 1, isRepeatable: false)
        #expect(!many.isQuiet(at: 201, pass: 2, isRepeatable: false))
    }

    @Test("is none before its first answer")
    func unknown() {
        var quiet = TargetQuiet()
        for _ in 0..<5 { quiet.asked(at: 10) }
        _ = quiet.isQuiet(at: 1_000, pass: 1, isRepeatable: false)
        #expect(!quiet.isQuiet(at: 1_000, pass: 2, isRepeatable: false))
    }

    @Test("is none in the pass that finds it behind: its answers may wait to be read")
    func samePass() {
        var quiet = self.busy()
        quiet.asked(at: 100)
        quiet.asked(at: 149)
        for _ in 0..<3 { #expect(!quiet.isQuiet(at: 150, pass: 7, isRepeatable: false)) }
        #expect(quiet.isQuiet(at: 150, pass: 8, isRepeatable: false))
        quiet.answered(at: 151, since: 100)
        quiet.asked(at: 151)
        quiet.asked(at: 151)
        #expect(!quiet.isQuiet(at: 200, pass: 9, isRepeatable: false))
    }

    @Test("gets a request that may be repeated each patience, another one more seldom")
    func findingOut() {
        var quiet = self.busy()
        quiet.asked(at: 100)
        quiet.asked(at: 120)
        _ = quiet.isQuiet(at: 121, pass: 1, isRepeatable: true)
        #expect(quiet.isQuiet(at: 135, pass: 2, isRepeatable: true))
        #expect(!quiet.isQuiet(at: 136, pass: 3, isRepeatable: true))
        #expect(quiet.isQuiet(at: 219, pass: 4, isRepeatable: false))
        #expect(!quiet.isQuiet(at: 220, pass: 5, isRepeatable: false))
    }
}
