import Testing

@testable import MeshDataPlane

@Suite("A target that is quiet")
struct TargetQuietTests {
    /// A target that has answered every two milliseconds.
    private func busy(until end: Int64 = 100) -> TargetQuiet {
        var quiet = TargetQuiet()
        for moment in stride(from: Int64(2), through: end, by: 2) {
            quiet.asked(at: moment - 1, isFirst: false)
            quiet.answered(at: moment, since: moment - 2)
        }
        return quiet
    }

    /// Whether a target is quiet at each of these moments.
    private func isQuiet(
        _ quiet: TargetQuiet,
        at moments: Int64...,
        isRepeatable: Bool = false
    ) -> [Bool] {
        moments.map { quiet.isQuiet(at: $0, isRepeatable: isRepeatable) }
    }

    @Test("is one that owes two answers for eight usual gaps")
    func quiet() {
        var quiet = self.busy()
        quiet.asked(at: 100, isFirst: false)
        quiet.asked(at: 110, isFirst: false)
        #expect(self.isQuiet(quiet, at: 115, 116, isRepeatable: true) == [false, true])
    }

    @Test("is none that owes one answer only, or whose requests were sent before its last answer")
    func slow() {
        var one = self.busy()
        one.asked(at: 100, isFirst: false)
        #expect(self.isQuiet(one, at: 200) == [false])
        var many = self.busy(until: 90)
        for _ in 0..<5 { many.asked(at: 95, isFirst: false) }
        many.answered(at: 100, since: 98)
        many.asked(at: 101, isFirst: false)
        #expect(self.isQuiet(many, at: 200) == [false])
    }

    @Test("is none before its first answer, nor once it has answered")
    func unknown() {
        var quiet = TargetQuiet()
        for _ in 0..<5 { quiet.asked(at: 10, isFirst: false) }
        #expect(self.isQuiet(quiet, at: 200) == [false])
        quiet.answered(at: 200, since: 190)
        for _ in 0..<5 { quiet.asked(at: 200, isFirst: false) }
        #expect(self.isQuiet(quiet, at: 279, 280) == [false, true])
        quiet.answered(at: 281, since: 200)
        #expect(self.isQuiet(quiet, at: 281) == [false])
    }

    @Test("gets a request that may be repeated each patience, another one more seldom")
    func findingOut() {
        var quiet = self.busy()
        quiet.asked(at: 100, isFirst: false)
        quiet.asked(at: 120, isFirst: false)
        #expect(self.isQuiet(quiet, at: 121, 135, 136, isRepeatable: true) == [true, true, false])
        #expect(self.isQuiet(quiet, at: 369, 370) == [true, false])
    }
}
