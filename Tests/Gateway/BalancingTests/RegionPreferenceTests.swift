import MeshBalancing
import MeshPrimitives
import Testing

@Suite("A region preference")
struct RegionPreferenceTests {
    private var preference = RegionPreference(groupCount: 3, hold: .seconds(60))

    @Test("leaves a dead region at once and returns after the hold")
    mutating func failsOverAndBack() {
        #expect(self.preference.update(eligibleByGroup: [false, true, true], at: at(1)) == 1)
        #expect(self.preference.activeGroup == 1)
        #expect(self.preference.nextWake == nil)
        #expect(self.preference.update(eligibleByGroup: [true, true, true], at: at(10)) == nil)
        #expect(self.preference.nextWake == at(70))
        #expect(self.preference.wake(at: at(69)) == nil)
        #expect(self.preference.wake(at: at(70)) == 0)
        #expect(self.preference.wake(at: at(71)) == nil)
        #expect(self.preference.nextWake == nil)
    }

    @Test("begins the hold anew when the region fails again")
    mutating func countsContinuousHealth() {
        _ = self.preference.update(eligibleByGroup: [false, true, true], at: at(0))
        for second in stride(from: 10, to: 1_000, by: 40) {
            #expect(self.update([true, true, true], Int64(second)) == nil)
            #expect(self.update([false, true, true], Int64(second + 30)) == nil)
        }
        #expect(self.update([true, true, true], 2_000) == nil)
        #expect(self.preference.wake(at: at(2_060)) == 0)
    }

    @Test("prefers a region that is settled to one that has just come back")
    mutating func prefersSettled() {
        _ = self.update([false, true, true], 0)
        _ = self.update([true, true, true], 10)

        #expect(self.update([true, false, true], 20) == 2)
        #expect(self.update([true, false, false], 30) == 0)
    }

    @Test("stays where it is while no region has a target")
    mutating func staysWhenAllAreDead() {
        #expect(self.update([false, false, false], 5) == nil)
        #expect(self.update([], 6) == nil)
        #expect(self.preference.activeGroup == 0)
        #expect(self.update([false, false, true], 7) == 2)
        #expect(self.update([true, true, true], 8) == nil)
        #expect(self.preference.wake(at: at(67)) == nil)
        #expect(self.preference.wake(at: at(68)) == 0)
    }

    @Test("changes with the update that finds the hold over, without a wake")
    mutating func needsNoWake() {
        _ = self.update([false, true, true], 0)
        _ = self.update([true, true, true], 1)

        #expect(self.update([true, true, true], 61) == 0)
    }

    @Test("is never in a dead region while another lives", arguments: UInt64(0)..<20)
    func isNeverInDeadRegion(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var preference = RegionPreference(groupCount: 4, hold: .seconds(5))
        for second in Int64(0)..<300 {
            let alive = (0..<4).map { _ in generator.next(below: 3) > 0 }
            _ = preference.update(eligibleByGroup: alive, at: self.at(second))
            guard alive.contains(true) else { continue }
            #expect(alive[preference.activeGroup], "seed \(seed)")
        }
    }

    private mutating func update(_ alive: [Bool], _ second: Int64) -> Int? {
        self.preference.update(eligibleByGroup: alive, at: self.at(second))
    }

    private func at(_ second: Int64) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .seconds(second))
    }
}
