import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A replay window")
struct ReplayWindowTests {
    @Test("admits each counter once, in any order within 2,048")
    func admitsOnce() throws {
        var window = ReplayWindow()
        var generator = SeededGenerator(seed: 11)

        for counter in generator.shuffle(Array(UInt64(1)...2_048)) {
            try window.admit(counter)
        }

        for counter in UInt64(1)...2_048 {
            #expect(throws: WireError.replayed) { try window.admit(counter) }
        }
    }

    @Test("refuses what lies 2,048 or more below the highest")
    func refusesOld() throws {
        var window = ReplayWindow()
        try window.admit(10_000)

        #expect(throws: WireError.belowWindow) { try window.admit(7_952) }
        try window.admit(7_953)
        #expect(throws: WireError.replayed) { try window.admit(7_953) }
    }

    @Test("survives the largest counters and jumps")
    func survivesExtremes() throws {
        var window = ReplayWindow()
        try window.admit(0)
        #expect(throws: WireError.replayed) { try window.admit(0) }
        try window.admit(.max)
        try window.admit(.max - 2_047)

        #expect(throws: WireError.replayed) { try window.admit(.max) }
        #expect(throws: WireError.belowWindow) { try window.admit(0) }
    }

    @Test("agrees with a slow model on random counters", arguments: UInt64(0)..<20)
    func agreesWithModel(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var base: UInt64 = 0

        for _ in 0..<5_000 {
            base += UInt64(generator.next(below: 40)) * UInt64(generator.next(below: 3))
            let counter = base + UInt64(generator.next(below: 3_000))
            let highest = seen.max() ?? 0
            let expected: WireError? =
                if !seen.isEmpty, highest >= 2_048, counter <= highest - 2_048 {
                    .belowWindow
                } else if seen.contains(counter) { .replayed } else { nil }
            #expect(self.admit(counter, &window) == expected, "replay with seed \(seed)")
            if expected == nil { seen.insert(counter) }
            if seen.count > 4_000 { break }
        }
    }

    private func admit(_ counter: UInt64, _ window: inout ReplayWindow) -> WireError? {
        do throws(WireError) {
            try window.admit(counter)
            return nil
        } catch {
            return error
        }
    }
}
