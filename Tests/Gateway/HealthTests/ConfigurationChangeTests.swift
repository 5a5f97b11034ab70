import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A health machine whose configuration changes")
struct ConfigurationChangeTests {
    private static let node = HealthPeer(id: NodeID(high: 0, low: 1), region: "eu")
    private var machine = HealthMachine(node: Self.node, timing: HealthTiming())

    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func target(
        _ number: Int,
        of upstream: String = "api",
        region: String = "eu",
        weight: Int = 100
    ) -> HealthTarget {
        HealthTarget(
            id: TargetID(rawValue: UInt64(number)),
            upstream: upstream,
            name: "127.0.0.1:\(9_000 + number)",
            endpoint: Endpoint(address: .v4(0x7F00_0001), port: UInt16(9_000 + number)),
            region: region,
            weight: weight
        )
    }

    private func upstream(
        _ targets: HealthTarget...,
        threshold: Double = 0
    ) -> HealthUpstream {
        var settings = HealthSettings()
        settings.threshold = threshold
        return HealthUpstream(settings: settings, targets: targets)
    }

    private func failing(_ number: Int) -> TargetObservation {
        var seen = TargetObservation(id: TargetID(rawValue: UInt64(number)))
        seen.statuses = [.init(status: 500, count: 5)]
        return seen
    }

    private func refused(_ number: Int) -> TargetObservation {
        var seen = TargetObservation(id: TargetID(rawValue: UInt64(number)))
        seen.connectFailures = 1
        return seen
    }

    @Test("touches only what has changed, and ends where taking over everything would")
    mutating func partial() {
        let (one, two) = (self.target(1), self.target(2))
        let other = self.target(3, of: "web")
        _ = self.machine.configure(
            [self.upstream(one, two), self.upstream(other)],
            at: Self.at(0)
        )
        _ = self.machine.observe([self.refused(1), self.refused(3)], at: Self.at(1))
        var whole = self.machine
        let heavier = self.target(2, weight: 300)
        let added = self.target(4)
        let effects = self.machine.configure(
            changed: [self.upstream(heavier, added)],
            gone: [one.id],
            at: Self.at(2)
        )
        let touchesOther = effects.contains {
            if case .factor(other.id, _) = $0 { true } else { false }
        }
        #expect(!touchesOther)
        _ = whole.configure(
            [self.upstream(heavier, added), self.upstream(other)],
            at: Self.at(2)
        )
        #expect(self.machine.views(at: Self.at(3)) == whole.views(at: Self.at(3)))
        #expect(self.machine.views(at: Self.at(3)).map(\.target) == [heavier, added, other])
        #expect(self.machine.views(at: Self.at(3)).last?.factor == 0, "the evidence stays")
    }

    @Test("opens an upstream again whose threshold or whose targets are gone")
    mutating func thresholds() {
        for isGone in [false, true] {
            _ = self.machine.configure(
                [self.upstream(self.target(1), self.target(2), threshold: 60)],
                at: Self.at(0)
            )
            let closed = self.machine.observe([self.refused(1)], at: Self.at(1))
            #expect(closed.contains(.closed(upstream: "api", true)))
            let opened = self.machine.configure(
                changed: isGone ? [] : [self.upstream(self.target(1), self.target(2))],
                gone: isGone ? [self.target(1).id, self.target(2).id] : [],
                at: Self.at(2)
            )
            #expect(opened.contains(.closed(upstream: "api", false)))
            self.machine = HealthMachine(node: Self.node, timing: HealthTiming())
        }
    }

    @Test("looks at no target again when the same nodes share the checking")
    mutating func samePeers() {
        let peers = [Self.node, HealthPeer(id: NodeID(high: 0, low: 2), region: "us")]
        let targets = (0...HealthMachine.sweepSize).map { self.target($0) }
        let upstream = HealthUpstream(settings: HealthSettings(), targets: targets)
        _ = self.machine.configure([upstream], at: Self.at(0))
        _ = self.machine.setPeers(peers, at: Self.at(1))
        #expect(self.machine.sweep != nil, "the rest is looked at next")
        _ = self.machine.wake(at: Self.at(1.1))
        #expect(self.machine.sweep == nil)
        _ = self.machine.setPeers(peers.reversed(), at: Self.at(2))
        #expect(self.machine.sweep == nil)
        _ = self.machine.setPeers([Self.node], at: Self.at(3))
        #expect(self.machine.sweep != nil)
    }

    @Test("counts a target whose region has changed among the targets of its new region")
    mutating func region() {
        let (one, two) = (self.target(1), self.target(2))
        _ = self.machine.configure([self.upstream(one, two)], at: Self.at(0))
        let moved = self.target(2, region: "us")
        _ = self.machine.configure(changed: [self.upstream(one, moved)], gone: [], at: Self.at(1))
        #expect(self.machine.views(at: Self.at(1)).map(\.target.region) == ["eu", "us"])
        // Alone in its region now, so that all of it is out.
        let effects = self.machine.observe([self.failing(1)], at: Self.at(2))
        #expect(effects.contains(.panic(upstream: "api", region: "eu", isPanicking: true)))
    }

    private func seen(_ number: Int, good: UInt32, bad: UInt32) -> TargetObservation {
        var seen = TargetObservation(id: TargetID(rawValue: UInt64(number)))
        seen.statuses = [.init(status: 200, count: good), .init(status: 500, count: bad)]
        return seen
    }

    @Test("compares a target that has moved with those of its new region only")
    mutating func movedComparison() throws {
        let (one, two) = (self.target(1), self.target(2))
        let far = self.target(4, region: "us")
        _ = self.machine.configure([self.upstream(one, two, far)], at: Self.at(0))
        _ = self.machine.observe([self.seen(1, good: 1_000, bad: 0)], at: Self.at(1))
        _ = self.machine.observe([self.seen(4, good: 100, bad: 100)], at: Self.at(1))
        _ = self.machine.observe([self.seen(2, good: 2, bad: 8)], at: Self.at(1.1))
        let moved = self.target(2, region: "us")
        _ = self.machine.configure([self.upstream(one, moved, far)], at: Self.at(1.2))
        _ = self.machine.observe([self.seen(2, good: 2, bad: 8)], at: Self.at(1.3))
        let slot = try #require(self.machine.slots[two.id])
        #expect(self.machine.entries[slot].watch.stance == .up, "there, failing is usual")
    }

    @Test("counts no timeout for what is usual while it distrusts its own clock")
    mutating func doubtful() throws {
        _ = self.machine.configure([self.upstream(self.target(1), self.target(2))], at: Self.at(0))
        _ = self.machine.observe([self.seen(1, good: 9, bad: 1)], at: Self.at(1))
        _ = self.machine.wake(at: Self.at(100))
        #expect(self.machine.isDoubtful(at: Self.at(100.1)))
        var seen = self.seen(2, good: 5, bad: 0)
        seen.timeouts = 5
        _ = self.machine.observe([seen], at: Self.at(100.1))
        let slot = try #require(self.machine.slots[TargetID(rawValue: 2)])
        let counted = self.machine.pools[self.machine.entries[slot].pool].counted
        #expect(counted == AttemptCount(attempts: 15, failures: 1))
    }

    private func panics(_ effects: [HealthMachine.Effect]) -> [Bool] {
        effects.compactMap {
            if case .panic(_, _, let isPanicking) = $0 { isPanicking } else { nil }
        }
    }

    @Test("begins no panic while it takes over weights that leave enough")
    mutating func weightsDuringOutage() {
        let (heavy, light) = (
            HealthUpstream(
                settings: HealthSettings(),
                targets: (1...9).map { self.target($0) }
            ),
            HealthUpstream(
                settings: HealthSettings(),
                targets: (1...9).map { self.target($0, weight: 10) }
            )
        )
        _ = self.machine.configure([heavy], at: Self.at(0))
        let failed = self.machine.observe((6...9).map { self.failing($0) }, at: Self.at(1))
        #expect(self.panics(failed).isEmpty, "five of nine are left")
        // These lose their weight before the others do.
        let lighter = self.machine.configure(changed: [light], gone: [], at: Self.at(1.1))
        #expect(self.panics(lighter).isEmpty)
        let isPanicking = self.machine.pools.contains { $0.isPanicking }
        #expect(!isPanicking)
    }

    @Test("begins and ends a panic by weights and targets alone, told once each")
    mutating func panicByConfiguration() {
        let (one, two, three) = (self.target(1), self.target(2), self.target(3))
        _ = self.machine.configure([self.upstream(one, two, three)], at: Self.at(0))
        _ = self.machine.observe([self.failing(1)], at: Self.at(1))
        let heavier = self.target(1, weight: 500)
        let begins = self.machine.configure(
            [self.upstream(heavier, two, three)],
            at: Self.at(1.1)
        )
        #expect(self.panics(begins) == [true])
        #expect(begins.contains(.factor(one.id, 1)), "it serves again")
        let more = [self.target(4, weight: 500), self.target(5, weight: 500)]
        let ends = self.machine.configure(
            [
                HealthUpstream(
                    settings: HealthSettings(),
                    targets: [heavier, two, three] + more
                )
            ],
            at: Self.at(1.2)
        )
        #expect(self.panics(ends) == [false])
        #expect(ends.contains(.factor(one.id, 0)))
        let again = self.machine.configure([self.upstream(heavier, two)], at: Self.at(1.3))
        #expect(self.panics(again) == [true], "the others are gone")
    }

    @Test("tells that a panic is over whose targets have left the region, or are gone")
    mutating func panicEnds() {
        for isGone in [false, true] {
            self.machine = HealthMachine(node: Self.node, timing: HealthTiming())
            let (one, two) = (self.target(1), self.target(2))
            _ = self.machine.configure([self.upstream(one, two)], at: Self.at(0))
            let failed = self.machine.observe([self.failing(1), self.failing(2)], at: Self.at(1))
            #expect(failed.contains(.panic(upstream: "api", region: "eu", isPanicking: true)))
            let healthy = self.target(3)
            let moved = [self.target(1, region: "us"), self.target(2, region: "us")]
            let after = self.machine.configure(
                changed: [
                    HealthUpstream(
                        settings: HealthSettings(),
                        targets: [healthy] + (isGone ? [] : moved)
                    )
                ],
                gone: isGone ? [one.id, two.id] : [],
                at: Self.at(2)
            )
            #expect(after.contains(.panic(upstream: "api", region: "eu", isPanicking: false)))
        }
    }
}
