import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("The small machines")
struct SmallMachineTests {
    @Test("Local health stays between perfect and its ceiling")
    func localHealth() {
        var health = LocalHealth(ceiling: 8)
        health.worsen(by: -1)
        #expect(health.multiplier == 1)

        health.worsen(by: 100)
        #expect(health.multiplier == 8)
    }

    @Test("A round trip estimate follows its samples and never goes below the minimum")
    func roundTrip() {
        var estimate = RoundTripEstimate()
        let wait = { (estimate: RoundTripEstimate) in
            estimate.timeout(unmeasured: .seconds(1), minimum: .milliseconds(100))
        }
        #expect(wait(estimate) == .seconds(1))

        estimate.sample(.milliseconds(-1))
        #expect(estimate.smoothed == nil)
        for _ in 0..<50 { estimate.sample(.milliseconds(1)) }
        #expect(wait(estimate) == .milliseconds(100))
        for _ in 0..<50 { estimate.sample(.milliseconds(400)) }
        #expect(wait(estimate) > .milliseconds(390) && wait(estimate) < .milliseconds(700))
    }

    @Test("A probe order visits everybody once per turn, and whoever is in doubt apart")
    func probeOrder() {
        var order = ProbeOrder()
        var generator = SeededGenerator(seed: 1)
        for number in UInt64(1)...10 { order.insert(node(number), using: &generator) }
        for _ in 0..<10 { _ = order.next(using: &generator) { _ in true } }

        let turn = (0..<10).compactMap { _ in order.next(using: &generator) { _ in true } }
        order.hasten(node(4))
        order.hasten(node(4))
        let doubted = (0..<2).map { _ in order.nextUrgent { _ in true } }

        #expect(Set(turn).count == 10)
        #expect(doubted == [node(4), nil])
    }

    @Test("A probe order drops whoever is not eligible")
    func probeOrderDrops() {
        var order = ProbeOrder()
        var generator = SeededGenerator(seed: 1)
        order.insert(node(1), using: &generator)

        #expect(order.next(using: &generator) { _ in false } == nil)
        #expect(order.next(using: &generator) { _ in true } == nil)
    }

    @Test("A relay table serves no more errands than its limit")
    func relayLimit() {
        var relays = RelayTable()
        let errand = RelayTable.Errand(
            sequence: 1,
            target: node(2),
            asker: endpoint(3),
            askerSequence: 4,
            deadline: instant(1)
        )

        let taken = (0..<300).count { _ in relays.insert(errand) }

        #expect(taken == RelayTable.limit)
        #expect(relays.expire(at: instant(1)).count == RelayTable.limit)
        #expect(relays.deadline == nil)
    }

    @Test("An isolation window blames this node only when several members do not answer")
    func isolation() {
        var window = IsolationWindow()
        for _ in 0..<8 { window.note(node(2), succeeded: false) }
        #expect(!window.isIsolated, "one dead member proves nothing")

        for number in UInt64(2)...5 { window.note(node(number), succeeded: false) }
        #expect(window.isIsolated)

        for _ in 0..<5 { window.note(node(3), succeeded: true) }
        #expect(!window.isIsolated)
    }

    @Test("A forgotten member comes back only by a higher incarnation")
    func forgotten() {
        var forgotten = ForgottenMembers()
        forgotten.insert(node(2), incarnation: 5, since: instant(0))

        #expect(forgotten.covers(node(2), incarnation: 5))
        #expect(!forgotten.covers(node(2), incarnation: 6))
        forgotten.remove(node(2))
        #expect(!forgotten.covers(node(2), incarnation: 1))
    }

    @Test("Logarithms agree with known values")
    func logarithms() {
        #expect(abs(Logarithm.natural(2) - 0.693_147_180_559_945) < 1e-12)
        #expect(abs(Logarithm.natural(1_000) - 6.907_755_278_982_137) < 1e-12)
    }
}
