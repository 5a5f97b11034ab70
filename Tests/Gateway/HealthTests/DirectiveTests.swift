import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("An operator's word on targets")
struct DirectiveTests {
    private var machine: HealthMachine
    private let targets: [HealthTarget]
    private var closed: [Bool] = []

    init() {
        self.targets = (0..<4).map { index in
            HealthTarget(
                id: TargetID(rawValue: UInt64(100 + index)),
                upstream: "api",
                name: "127.0.0.1:900\(index)",
                endpoint: Endpoint(address: .v4(0x7F00_0001), port: UInt16(9_000 + index)),
                region: "eu"
            )
        }
        self.machine = HealthMachine(
            node: HealthPeer(id: NodeID(high: 0, low: 1), region: "eu"),
            timing: HealthTiming()
        )
        _ = self.machine.configure(
            [HealthUpstream(settings: HealthSettings(), targets: self.targets)],
            at: Self.at(0)
        )
    }

    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func factors(_ effects: [HealthMachine.Effect]) -> [Float] {
        effects.compactMap { if case .factor(_, let factor) = $0 { factor } else { nil } }
    }

    private func directive(_ kind: TargetDirective.Kind, _ index: Int) -> TargetDirective {
        TargetDirective(kind, upstream: "api", target: self.targets[index].name)
    }

    private func refused(_ index: Int) -> TargetObservation {
        var seen = TargetObservation(id: self.targets[index].id)
        seen.connectFailures = 1
        return seen
    }

    @Test("drains and disables a target, and lets it return by its ramp when it is taken back")
    mutating func takesOut() {
        let drained = self.machine.setDirectives([self.directive(.drain, 0)], at: Self.at(1))
        #expect(self.factors(drained) == [.drained])
        let disabled = self.machine.setDirectives([self.directive(.disable, 0)], at: Self.at(2))
        #expect(self.factors(disabled) == [.disabled])
        #expect(self.machine.views(at: Self.at(2))[0].stage == .disabled)
        #expect(self.machine.views(at: Self.at(2))[0].factor == 0)
        let back = self.machine.setDirectives([], at: Self.at(3))
        #expect(self.factors(back) == [0.1])
        #expect(self.machine.views(at: Self.at(3))[0].stage == .ramp)
    }

    @Test("is not undone by a panic, whatever else is out of use")
    mutating func outlastsPanic() {
        _ = self.machine.setDirectives([self.directive(.disable, 0)], at: Self.at(1))
        var effects: [HealthMachine.Effect] = []
        for index in 0..<4 {
            var seen = TargetObservation(id: self.targets[index].id)
            seen.statuses = [.init(status: 500, count: 5)]
            effects += self.machine.observe([seen], at: Self.at(2))
        }
        let isPanicking = effects.contains {
            if case .panic(_, _, true) = $0 { true } else { false }
        }
        #expect(isPanicking)
        let views = self.machine.views(at: Self.at(3))
        #expect(views[0].stage == .disabled)
        #expect(views[0].factor == 0)
        #expect(views.dropFirst().contains { $0.factor > 0 })
    }

    @Test("holds for a target that the configuration brings later")
    mutating func comesBefore() {
        _ = self.machine.setDirectives(
            [TargetDirective(.drain, upstream: "api", target: "127.0.0.1:9009")],
            at: Self.at(1)
        )
        let late = HealthTarget(
            id: TargetID(rawValue: 7),
            upstream: "api",
            name: "127.0.0.1:9009",
            endpoint: Endpoint(address: .v4(0x7F00_0001), port: 9_009),
            region: "eu"
        )
        let effects = self.machine.configure(
            [HealthUpstream(settings: HealthSettings(), targets: self.targets + [late])],
            at: Self.at(2)
        )
        #expect(effects.contains(.factor(late.id, .drained)))
    }

    @Test("a threshold closes the upstream when that share of the weight or less is in use")
    mutating func threshold() {
        var settings = HealthSettings()
        settings.threshold = 50
        _ = self.machine.configure(
            [HealthUpstream(settings: settings, targets: self.targets)],
            at: Self.at(1)
        )
        #expect(
            !self.machine.observe([self.refused(0)], at: Self.at(2)).contains(
                .closed(upstream: "api", true)
            )
        )
        #expect(
            self.machine.observe([self.refused(1)], at: Self.at(3)).contains(
                .closed(upstream: "api", true)
            )
        )
        let back = self.machine.mark([self.targets[0].id], isHealthy: true, at: Self.at(4))
        #expect(back.contains(.closed(upstream: "api", false)))
        _ = self.machine.observe([self.refused(0)], at: Self.at(5))
        let without = self.machine.configure(
            [HealthUpstream(settings: HealthSettings(), targets: self.targets)],
            at: Self.at(6)
        )
        #expect(without.contains(.closed(upstream: "api", false)))
    }

    @Test("every change of where a target stands is one event with its evidence")
    mutating func events() {
        let effects = self.machine.observe([self.refused(0)], at: Self.at(1))
        let events = effects.compactMap { effect in
            if case .event(let event) = effect { event } else { nil }
        }
        #expect(events.count == 1)
        #expect(events.first?.stage == .suspect)
        #expect(events.first?.reason == .connectFailed)
        #expect(events.first?.evidence.failures == 1)
        let again = self.machine.observe([self.refused(0)], at: Self.at(1.1))
        #expect(!again.contains { if case .event = $0 { true } else { false } })
    }
}
