import MeshActivation
import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Does harm, and checks what must hold all the same.
extension Simulation {
    /// Pauses up to this long must not cost a member its place: 500 ms, twice over.
    static let harmlessPause: Duration = .milliseconds(500)

    /// Applies one fault; one that makes no sense now, such as crashing the crashed, does nothing and
    /// does not count.
    mutating func apply(_ fault: Fault) {
        if self.hasApplied(fault) { self.count(fault.happening) }
    }

    private mutating func hasApplied(_ fault: Fault) -> Bool {
        switch fault {
        case .crash(let index): return self.crash(index)
        case .restart(let index): return self.start(index)
        case .reinstall(let index):
            guard !self.nodes[index].isRunning else { return false }
            self.note("node \(index) is set up anew")
            self.nodes[index].reinstall(generator: &self.boots)
            return self.start(index)
        case .leave(let index): return self.leave(index)
        case .backUp(let index): self.backUp(index)
        case .harmDisk(let index, let harm): return self.harmDisk(index, harm)
        case .leap(let index, let length): return self.leap(index, by: length)
        case .lie(let index): self.lie(index)
        case .late(let index): return self.startLate(index)
        case .pause(let index, let length):
            guard self.nodes[index].isRunning else { return false }
            self.note("node \(index) stands still for \(length)")
            let end = self.now.advanced(by: length)
            self.nodes[index].pausedUntil = max(self.nodes[index].pausedUntil, end)
            if length > Self.harmlessPause { self.disturb(index, until: end) }
        case .fillDisk(let index, let length):
            self.note("the disk of node \(index) is full for \(length)")
            self.nodes[index].diskFullUntil = self.now.advanced(by: length)
        case .slowDisk(let index, let length):
            self.note("the disk of node \(index) is slow for \(length)")
            self.nodes[index].diskSlowUntil = self.now.advanced(by: length)
        case .split(let group, let isOneWay):
            self.note("split off \(group.sorted())\(isOneWay ? ", one way" : "")")
            self.network.split(group, isOneWay: isOneWay)
            for index in self.nodes.indices { self.disturb(index, until: self.now) }
        case .heal:
            self.note("the network is whole")
            self.network.heal()
            self.accuracy.excuseAll(at: self.now)
            for index in self.nodes.indices { self.disturb(index, until: self.now) }
        }
        return true
    }

    /// Starts a node that nobody remembers; says whether the others have folded without it.
    private mutating func startLate(_ index: Int) -> Bool {
        guard !self.nodes[index].isRunning else { return false }
        let id = self.nodes[index].id
        let others = self.nodes.filter(\.isRunning)
        let isForgotten = others.allSatisfy { $0.membership?.member(id) == nil }
        let hasFolded = others.contains { ($0.changelog?.history.startHead.generation ?? 0) > 0 }
        return self.start(index) && isForgotten && hasFolded
    }

    /// Judges, some time after a crash, that everybody who was well all the time has seen it.
    mutating func checkDetection(of subject: Int, since crashed: MonotonicInstant) {
        guard !self.nodes[subject].isRunning, self.crashes[subject] == crashed else { return }
        for observer in self.nodes {
            guard let membership = observer.membership, !observer.isLeaving else { continue }
            if let disturbed = self.disturbed[observer.index], disturbed >= crashed { continue }
            let member = membership.member(self.nodes[subject].id)
            guard member?.state.isPresent ?? false else { continue }
            self.report(
                Violation(
                    promise: .detection,
                    at: self.now,
                    text: "node \(observer.index) still sees node \(subject), which crashed at "
                        + crashed.seconds
                )
            )
        }
    }

    /// Judges views and stores after quiet.
    mutating func checkQuiet() {
        let running = self.nodes.filter(\.isRunning)
        let views = running.map { node in
            (node: node.index, id: node.id, members: node.membership?.members ?? [])
        }
        let pairs = self.nodes.count * (self.nodes.count - 1) / 2
        let hasStreams = self.profile.datagramOnlyPairs < pairs
        self.report(ViewChecker.check(views, at: self.now, isExact: hasStreams))
        let stores = running.compactMap { node in
            node.changelog.map { (node: node.index, changelog: $0) }
        }
        self.report(self.stores.checkQuiet(stores, of: running.map(\.id), at: self.now))
        self.report(ObservationChecker.check(running, at: self.now))
        for node in running {
            self.report(HealthChecker.checkQuiet(node, self.targets, self.now))
        }
        self.report(HealthChecker.checkQuiet(running, self.now))
        for node in running {
            let fault = node.changelog.flatMap { changelog in
                self.fault(
                    of: RoutedState(
                        head: .none,
                        entities: changelog.state.entities.map {
                            StoredEntity(key: $0.key, body: $0.value.body)
                        }
                    ),
                    at: node.index
                )
            }
            self.report(ActivationChecker.checkQuiet(node, fault: fault, self.now))
        }
    }

    mutating func disturb(_ index: Int, until end: MonotonicInstant) {
        self.disturbed[index] = max(self.disturbed[index] ?? end, end)
        self.accuracy.excuse(index, at: end)
    }

    private mutating func crash(_ index: Int) -> Bool {
        let running = self.nodes.filter(\.isRunning).count
        guard self.nodes[index].isRunning,
            FaultSchedule.leavesEnough(running, of: self.nodes.count)
        else { return false }
        self.note("node \(index) crashes")
        self.nodes[index].halt()
        self.crashes[index] = self.now
        self.disturb(index, until: self.now)
        self.queue.push(
            .checkDetection(subject: index, crashed: self.now),
            at: self.now.advanced(by: self.profile.detectionBound)
        )
        return true
    }

    private mutating func leave(_ wanted: Int) -> Bool {
        let count = self.nodes.count
        let order = (0..<count).map { (wanted + $0) % count }
        let isFit = { (node: SimulatedNode, now: MonotonicInstant) in
            node.isRunning && node.pausedUntil <= now
        }
        guard let index = order.first(where: { isFit(self.nodes[$0], self.now) }) else {
            return false
        }
        self.note("node \(index) leaves")
        self.nodes[index].isLeaving = true
        self.disturb(index, until: self.now)
        let now = self.time(at: index)
        self.step(index) { $0.leave(at: now) }
        return true
    }

    /// Starts a node that does not run.
    @discardableResult
    mutating func start(_ index: Int) -> Bool {
        guard !self.nodes[index].isRunning else { return false }
        self.note("node \(index) starts")
        self.incarnations.reset(observer: index)
        self.disturb(index, until: self.now)
        var configuration = self.profile.membership
        self.bug?.spoil(&configuration)
        var changelog = self.profile.changelog
        var rules = StructuralRules.simulated
        self.bug?.spoil(&changelog, &rules, at: index)
        var setup = ConfigurationMachine.Setup()
        setup.hasSeeds = true
        self.mutant?.spoil(&rules)
        self.mutant?.spoil(&setup)
        self.startClock(of: index)
        self.nodes[index].pausedUntil = self.now
        self.nodes[index].boot(
            configuration,
            changelog,
            rules,
            self.observationConfiguration,
            setup,
            generator: &self.boots,
            at: self.time(at: index),
            trueTime: self.now
        )
        let seeds = [0, 1].map(SimulatedNode.endpoint)
        let now = self.time(at: index)
        self.step(index) { $0.start(seeds: seeds, at: now) }
        self.setPeers(of: index)
        self.setObservers(of: index)
        self.stepChangelog(index) { changelog, now in changelog.begin(at: now) }
        self.stepObservations(index) { table, now in table.wake(at: now) }
        self.showState(at: index)
        return true
    }

    /// Lets a node's clock begin anywhere, as it does with every start of a machine.
    private mutating func startClock(of index: Int) {
        guard self.profile.clockError > 0 else { return }
        let days = 30 * self.boots.nextUnit()
        self.nodes[index].clock = SimulatedClock(
            offset: .seconds(86_400 * days),
            rate: 1 + self.profile.clockError * (2 * self.boots.nextUnit() - 1)
        )
    }
}
