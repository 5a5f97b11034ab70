import MeshPrimitives
import Testing

@testable import MeshActivation

/// One machine in a world that answers late, out of order and twice.
private struct MachineSimulation {
    private enum Answer {
        case compiled(ConfigurationBuild)
        case installed(UInt64)
        case resolved(ResolutionTable.Lookup)
    }

    private(set) var violations: [String] = []
    private var machine: ConfigurationMachine
    private var generator: SeededGenerator
    private var now = MonotonicInstant(sinceStart: .zero)
    private var pending: [Answer] = []
    /// Answers that were given once and may come again.
    private var past: [Answer] = []
    private var builds: [UInt64: ConfigurationBuild] = [:]
    private var refused: Set<UInt64> = []
    private var installed: ConfigurationBuild?
    private var hasServed = false
    private var compiling: Set<UInt64> = []
    private var asking: Set<ResolutionTable.Lookup> = []
    private var state = RoutedState.empty
    private var dns: [String: [HostAddress]] = [:]
    private var told = ConfigurationStanding()
    private var isCalm = false

    private static let hosts = ["a.test", "b.test", "c.test", "d.test"]

    init(seed: UInt64, flaw: ConfigurationFlaw?) {
        self.generator = SeededGenerator(seed: seed)
        var setup = ConfigurationMachine.Setup()
        setup.flaw = flaw
        setup.resolution.parallel = 2
        setup.resolution.patience = .seconds(2)
        self.machine = ConfigurationMachine(setup, at: self.now)
    }

    mutating func run() {
        for _ in 0..<300 { self.step() }
        self.isCalm = true
        for _ in 0..<400 { self.step() }
        self.checkConvergence()
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self.generator) < percent
    }

    private mutating func step() {
        let delay = Int64.random(in: 1...400, using: &self.generator)
        self.now = self.now.advanced(by: .milliseconds(delay))
        if !self.isCalm {
            if self.chance(15) { self.write() }
            if self.chance(10) { self.changeNames() }
            if self.chance(10), let old = self.past.randomElement(using: &self.generator) {
                self.bring(old)
            }
        }
        if self.chance(50) { self.perform(self.machine.receive(self.state, at: self.now)) }
        if self.chance(50) { self.perform(self.machine.wake(at: self.now)) }
        guard !self.pending.isEmpty, self.isCalm || self.chance(60) else { return }
        let index = Int.random(in: self.pending.indices, using: &self.generator)
        let answer = self.pending.remove(at: index)
        // A look-up may never be answered.
        if case .resolved = answer, !self.isCalm, self.chance(20) { return }
        self.past.append(answer)
        self.bring(answer)
    }

    /// A state that is good, cannot be compiled (`x`), or cannot be installed (`y`).
    private mutating func write() {
        let word = ["a.test", "b.test", "c.test", "d.test", "x", "y"]
        let keys = word.filter { _ in self.chance(30) }
        let generation = self.state.head.generation + 1
        self.state = RoutedState(
            head: .init(generation: generation, hash: ContentHash(high: 1, low: generation)),
            entities: keys.map { StoredEntity(key: $0, body: []) }
        )
    }

    private mutating func changeNames() {
        let host = Self.hosts[Int.random(in: 0..<Self.hosts.count, using: &self.generator)]
        let count = Int.random(in: 0...3, using: &self.generator)
        self.dns[host] = (0..<count).map { HostAddress(.v4(UInt32($0) + 1)) }
            .shuffled(using: &self.generator)
    }

    private mutating func bring(_ answer: Answer) {
        switch answer {
        case .compiled(let build):
            self.compiling.remove(build.revision)
            if build.state.entities.contains(where: { $0.key == "x" }) {
                self.refused.insert(build.revision)
                self.perform(self.machine.refused(build.revision, reason: "x", at: self.now))
            } else {
                let hosts = Set(build.state.entities.map(\.key)).intersection(Self.hosts)
                let facts = CompiledFacts(hosts: hosts, fingerprint: 0)
                self.perform(self.machine.compiled(build.revision, facts, at: self.now))
            }
        case .installed(let revision):
            let isBad =
                self.builds[revision]?.state.entities.contains { $0.key == "y" } ?? true
            self.perform(
                isBad
                    ? self.machine.refused(revision, reason: "y", at: self.now)
                    : self.machine.installed(revision, at: self.now)
            )
        case .resolved(let lookup):
            self.asking.remove(lookup)
            var addresses = self.dns[lookup.host] ?? []
            addresses.shuffle(using: &self.generator)
            let outcome: ResolutionTable.Outcome =
                addresses.isEmpty ? .failed("none") : .found(addresses, timeToLive: .seconds(1))
            self.perform(self.machine.resolved(lookup, outcome, at: self.now))
        }
    }

    private mutating func perform(_ effects: [ConfigurationMachine.Effect]) {
        for effect in effects {
            switch effect {
            case .compile(let build):
                self.builds[build.revision] = build
                self.compiling.insert(build.revision)
                self.expect(self.compiling.count == 1, "compiles \(self.compiling.count) at once")
                self.pending.append(.compiled(build))
            case .install(let revision): self.install(revision)
            case .resolve(let lookup):
                self.asking.insert(lookup)
                self.expect(self.installed != nil, "looks up names before an activation")
                self.pending.append(.resolved(lookup))
            case .tell(let standing): self.told = standing
            case .applyFile: self.expect(false, "applies a file that it does not have")
            case .event, .wake: continue
            }
        }
        self.check()
    }

    private mutating func install(_ revision: UInt64) {
        self.pending.append(.installed(revision))
        guard let build = self.builds[revision] else {
            return self.expect(false, "installs what was never compiled")
        }
        self.expect(!self.refused.contains(revision), "installs a refused revision")
        guard !build.state.entities.contains(where: { $0.key == "y" }) else { return }
        if let installed = self.installed {
            self.expect(
                build.revision > installed.revision
                    && build.state.head.generation >= installed.state.head.generation,
                "installs \(build.revision) after \(installed.revision)"
            )
        }
        self.installed = build
        self.hasServed = self.hasServed || !build.state.entities.isEmpty
    }

    private mutating func check() {
        // An empty state may just be replacing one that the node was rightly ready with.
        if self.told.isReady { self.expect(self.hasServed, "is ready with nothing installed") }
        if let installed = self.installed, self.pending.isEmpty {
            self.expect(
                self.told.active?.hash == installed.state.head.hash,
                "says that it routes by another configuration than it does"
            )
        }
        self.expect(self.asking.count <= 64, "looks up \(self.asking.count) names at once")
    }

    private mutating func checkConvergence() {
        let isBad = self.state.entities.contains { $0.key == "x" || $0.key == "y" }
        self.expect(
            (self.told.refusal != nil) == isBad,
            "says the wrong thing of the newest state"
        )
        if !isBad, self.installed != nil || !self.state.entities.isEmpty {
            self.expect(
                self.installed?.state.head == self.state.head,
                "does not reach the newest state"
            )
        }
        guard let installed = self.installed else { return }
        self.expect(
            self.told.isReady == !installed.state.entities.isEmpty,
            "is not ready although it serves"
        )
        for host in installed.state.entities.map(\.key) {
            guard let live = self.dns[host], !live.isEmpty else { continue }
            self.expect(
                Set(installed.addresses[host] ?? []) == Set(live),
                "routes to old addresses of \(host)"
            )
        }
    }

    private mutating func expect(_ holds: Bool, _ violation: String) {
        if !holds, self.violations.count < 5 { self.violations.append(violation) }
    }
}

@Suite("The configuration machine among late, repeated and reordered answers")
struct ConfigurationMachineSimulationTests {
    @Test("keeps every promise, for any order", arguments: UInt64(0)..<200)
    func holds(seed: UInt64) {
        var simulation = MachineSimulation(seed: seed, flaw: nil)

        simulation.run()

        #expect(simulation.violations == [], "replay with seed \(seed)")
    }

    @Test("is caught at every planted mistake", arguments: ConfigurationFlaw.allCases)
    func catches(flaw: ConfigurationFlaw) {
        let caught = (UInt64(0)..<50).contains { seed in
            var simulation = MachineSimulation(seed: seed, flaw: flaw)
            simulation.run()
            return !simulation.violations.isEmpty
        }

        #expect(caught, "no seed shows it")
    }
}
