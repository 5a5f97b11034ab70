import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("The schedule of reconnection")
struct ReconnectionTests {
    /// Tries per address in each of two halves of 8,000 seconds, with one seed.
    private static func tries(of failed: UInt64) -> [[Endpoint: Int]] {
        var schedule = Reconnection(minimum: .seconds(1))
        var generator = SeededGenerator(seed: 1)
        schedule.aim(
            at: [endpoint(1)],
            and: (2..<(2 + failed)).map { endpoint($0) },
            among: 1,
            using: &generator,
            at: instant(0)
        )
        var tries: [[Endpoint: Int]] = [[:], [:]]
        for step in 0..<16_000 {
            let due = schedule.due(
                pausingAtMost: .seconds(30),
                using: &generator,
                at: instant(Double(step) / 2)
            )
            for endpoint in due { tries[step / 8_000][endpoint, default: 0] += 1 }
        }
        return tries
    }

    @Test("tries each of a few about every half minute")
    func few() {
        for half in Self.tries(of: 10) {
            #expect(half.count == 11)
            #expect(half.values.allSatisfy { (100...150).contains($0) })
        }
    }

    @Test("tries many about once a second together, and none less than others, but seeds as ever")
    func many() {
        let halves = Self.tries(of: 600)
        for half in halves {
            #expect((100...150).contains(half[endpoint(1)] ?? 0))
            #expect(half.count == 601, "nobody is left out")
        }
        let late = halves[1].filter { $0.key != endpoint(1) }.values
        #expect(late.reduce(0, +) <= 4_400)
        #expect(late.allSatisfy { (5...8).contains($0) })
    }

    @Test("tries three a second at most of those that failed at once")
    func atOnce() {
        var schedule = Reconnection(minimum: .seconds(1))
        var generator = SeededGenerator(seed: 1)
        schedule.aim(
            at: [],
            and: (1...600).map { endpoint($0) },
            among: 1,
            using: &generator,
            at: instant(0)
        )
        var tries = 0
        while let deadline = schedule.deadline, deadline <= instant(10) {
            let due = schedule.due(pausingAtMost: .seconds(30), using: &generator, at: deadline)
            tries += due.count
        }

        #expect((30...33).contains(tries))
    }

    @Test("begins later where many others try as well")
    func crowd() {
        let firsts = [0, 60, 600].map { others in
            (UInt64(1)...200).map { seed in
                var schedule = Reconnection(minimum: .seconds(1))
                var generator = SeededGenerator(seed: seed)
                schedule.aim(
                    at: [],
                    and: [endpoint(1)],
                    among: others,
                    using: &generator,
                    at: instant(0)
                )
                return Double(schedule.deadline?.nanoseconds ?? 0) / 1e9
            }
        }

        #expect(firsts[0].allSatisfy { $0 == 0 })
        #expect((4...6).contains(firsts[1].reduce(0, +) / 200))
        #expect((40...60).contains(firsts[2].reduce(0, +) / 200))
    }
}
