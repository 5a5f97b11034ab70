import HashTreeCollections
import MeshActivation
import MeshChangelog
import MeshPrimitives

/// Carries out what the configuration machines decide.
extension Simulation {
    /// Entities below this number name a host each.
    private static let hostCount = 3

    /// Gives one input to a node's configuration machine and carries out the effects.
    mutating func stepMachine(
        _ index: Int,
        _ input: (inout ConfigurationMachine, MonotonicInstant) -> [ConfigurationMachine.Effect]
    ) {
        guard var machine = self.nodes[index].machine else { return }
        self.inputCount += 1
        self.nodes[index].machine = nil
        let effects = input(&machine, self.time(at: index))
        self.nodes[index].machine = machine
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Hands a node's configuration machine what its changelog holds.
    mutating func showState(at index: Int) {
        guard let changelog = self.nodes[index].changelog else { return }
        let (head, state) = (changelog.head, changelog.state)
        let routed = RoutedState(
            head: RoutedState.Head(generation: head.generation, hash: head.hash),
            isEmpty: state.entities.isEmpty
        ) {
            state.entities.map { StoredEntity(key: $0.key, body: $0.value.body) }
                .sorted { $0.key < $1.key }
        }
        self.stepMachine(index) { machine, now in machine.receive(routed, at: now) }
    }

    /// Ends a compilation, perhaps not for the first time.
    mutating func compiled(_ index: Int, _ revision: UInt64, boot: UInt64) {
        guard self.nodes[index].disk.bootCount == boot,
            let build = self.nodes[index].builds[revision]
        else { return }
        if let fault = self.fault(of: build.state, at: index) {
            self.count(.refusedBuild)
            return self.stepMachine(index) { $0.refused(revision, reason: fault, at: $1) }
        }
        let numbers = (0..<Self.hostCount).filter { number in
            build.state.entities.contains { $0.key == "services/\(number)" }
        }
        let facts = CompiledFacts(hosts: Set(numbers.map { "h\($0).test" }), fingerprint: 0)
        self.stepMachine(index) { $0.compiled(revision, facts, at: $1) }
    }

    /// Ends an installation.
    mutating func installed(_ index: Int, _ revision: UInt64, boot: UInt64) {
        guard self.nodes[index].disk.bootCount == boot else { return }
        self.stepMachine(index) { $0.installed(revision, at: $1) }
    }

    /// Ends a look-up, well or badly.
    mutating func resolved(_ index: Int, _ lookup: ResolutionTable.Lookup, boot: UInt64) {
        guard self.nodes[index].disk.bootCount == boot else { return }
        let kind = self.activity.next(below: 4)
        let address = HostAddress(.v4(UInt32(1 + self.activity.next(below: 3))))
        let outcome: ResolutionTable.Outcome =
            kind == 0
            ? .failed("no such name") : .found([address], timeToLive: .seconds(Int64(kind)))
        self.stepMachine(index) { $0.resolved(lookup, outcome, at: $1) }
    }

    /// Why a node of the older release cannot use a state that holds something newer.
    func fault(of state: RoutedState, at index: Int) -> String? {
        guard self.profile.isMixed, index % 2 == 1 else { return nil }
        let newer = state.entities.first { $0.key == "services/1" && $0.body.last == 0x37 }
        return newer.map { "\($0.key) is of a newer release" }
    }

    private mutating func perform(_ effect: ConfigurationMachine.Effect, at index: Int) {
        let boot = self.nodes[index].disk.bootCount
        switch effect {
        case .compile(let build):
            self.nodes[index].builds[build.revision] = build
            let isSlow = self.activity.next(below: 10) == 0
            let delay = self.pause(upTo: isSlow ? 2_000 : 50)
            self.queue.push(.compiled(index, build.revision, boot: boot), at: delay)
            // An answer that comes again does no harm.
            guard self.activity.next(below: 4) == 0 else { return }
            let again = delay.advanced(by: .milliseconds(Int64(self.activity.next(below: 3_000))))
            self.queue.push(.compiled(index, build.revision, boot: boot), at: again)
        case .install(let revision): self.install(revision, at: index)
        case .resolve(let lookup):
            guard self.activity.next(below: 8) > 0 else { return }
            let isSlow = self.activity.next(below: 6) == 0
            let at = self.pause(upTo: isSlow ? 20_000 : 40)
            self.queue.push(.resolved(index, lookup, boot: boot), at: at)
        case .applyFile: break
        case .tell(let standing):
            let before = self.nodes[index].standing
            self.nodes[index].standing = standing
            self.report(
                ActivationChecker.check(standing, after: before, self.nodes[index], self.now)
            )
        case .event: break
        case .wake(let instant):
            self.nodes[index].machineWake += 1
            let number = self.nodes[index].machineWake
            self.queue.push(
                .wakeMachine(index, number: number),
                at: self.moment(instant, at: index)
            )
        }
    }

    private mutating func install(_ revision: UInt64, at index: Int) {
        let node = self.nodes[index]
        let build = node.builds[revision]
        self.report(ActivationChecker.check(build, revision, node, self.now))
        guard let build else { return }
        self.count(.activation)
        self.configureHealth(index, build.state)
        self.nodes[index].active = build
        self.nodes[index].hasServed = node.hasServed || !build.state.isEmpty
        self.nodes[index].builds = node.builds.filter { $0.key >= revision }
        self.queue.push(
            .installed(index, revision, boot: node.disk.bootCount),
            at: self.pause(upTo: 5)
        )
    }

    private mutating func pause(upTo milliseconds: Int) -> MonotonicInstant {
        let length = 1 + self.activity.next(below: milliseconds)
        return self.now.advanced(by: .milliseconds(Int64(length)))
    }
}

/// Checks what nodes bring into use and what they say of it.
enum ActivationChecker {
    /// Judges a build that a node is about to use.
    static func check(
        _ build: ConfigurationBuild?,
        _ revision: UInt64,
        _ node: SimulatedNode,
        _ now: MonotonicInstant
    ) -> Violation? {
        guard let build else {
            return Self.broken(.activation, node, "installs \(revision), which it never built", now)
        }
        if let active = node.active, active.revision >= revision {
            let text = "installs \(revision) after \(active.revision)"
            return Self.broken(.activation, node, text, now)
        }
        let entities = build.state.entities
        let bodies = Dictionary(entities.map { ($0.key, $0.body) }) { first, _ in first }
        var hash = ContentHash.zero
        for entity in entities {
            hash = hash.adding(
                ConfigurationState.hash(of: entity.key, entity.body, rules: .simulated)
            )
        }
        guard hash == build.state.head.hash else {
            let text = "activates something else than \(build.state.head.hash) is"
            return Self.broken(.wholeChangesets, node, text, now)
        }
        for number in 0..<Simulation.keyCount {
            let key = "services/\(number)"
            guard bodies[key] != bodies[StoreChecker.twin(of: key)] else { continue }
            let text = "activates a part of a changeset of \(key)"
            return Self.broken(.wholeChangesets, node, text, now)
        }
        return nil
    }

    /// Judges what a node says.
    static func check(
        _ standing: ConfigurationStanding,
        after before: ConfigurationStanding,
        _ node: SimulatedNode,
        _ now: MonotonicInstant
    ) -> Violation? {
        if standing.isReady, !node.hasServed {
            return Self.broken(.activation, node, "is ready with nothing in use", now)
        }
        if before.active != nil, standing.active == nil {
            return Self.broken(.activation, node, "has ended what it had in use", now)
        }
        return nil
    }

    /// Judges, once it is quiet, that a node uses what it holds or says why not.
    static func checkQuiet(
        _ node: SimulatedNode,
        fault: String?,
        _ now: MonotonicInstant
    ) -> Violation? {
        guard let head = node.changelog?.head, let held = node.changelog?.state.entities else {
            return nil
        }
        if fault != nil {
            guard node.standing.refusal?.head.hash == head.hash else {
                let text = "cannot use \(head) and does not say so"
                return Self.broken(.activation, node, text, now)
            }
            return nil
        }
        guard !held.isEmpty || node.active != nil else { return nil }
        guard node.active?.state.head.hash == head.hash, node.standing.active?.hash == head.hash
        else {
            return Self.broken(.activation, node, "holds \(head) and does not use it", now)
        }
        return nil
    }

    private static func broken(
        _ promise: Violation.Promise,
        _ node: SimulatedNode,
        _ text: String,
        _ now: MonotonicInstant
    ) -> Violation {
        Violation(promise: promise, at: now, text: "node \(node.index) \(text)")
    }
}
