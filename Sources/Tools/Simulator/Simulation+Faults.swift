import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Does harm, and checks what must hold all the same.
extension Simulation {
    /// Pauses up to this long must not cost a member its place: 500 ms, twice over.
    static let harmlessPause: Duration = .milliseconds(500)

    /// Applies one fault; one that makes no sense now, such as crashing the crashed, does nothing.
    mutating func apply(_ fault: Fault) {
        switch fault {
        case .crash(let index):
            self.crash(index)
        case .restart(let index):
            self.start(index)
        case .reinstall(let index):
            guard !self.nodes[index].isRunning else { return }
            self.note("node \(index) is set up anew")
            self.nodes[index].reinstall(generator: &self.boots)
            self.start(index)
        case .leave(let index):
            self.leave(index)
        case .pause(let index, let length):
            guard self.nodes[index].isRunning else { return }
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
        self.report(ViewChecker.check(views, at: self.now))
        let stores = running.compactMap { node in
            node.changelog.map { (node: node.index, changelog: $0) }
        }
        self.report(self.stores.checkQuiet(stores, at: self.now))
        self.report(ObservationChecker.check(running, at: self.now))
    }

    private mutating func disturb(_ index: Int, until end: MonotonicInstant) {
        self.disturbed[index] = max(self.disturbed[index] ?? end, end)
        self.accuracy.excuse(index, at: end)
    }

    private mutating func crash(_ index: Int) {
        let running = self.nodes.filter(\.isRunning).count
        guard self.nodes[index].isRunning, running * 2 > self.nodes.count + 1 else { return }
        self.note("node \(index) crashes")
        self.nodes[index].halt()
        self.crashes[index] = self.now
        self.disturb(index, until: self.now)
        self.queue.push(
            .checkDetection(subject: index, crashed: self.now),
            at: self.now.advanced(by: self.profile.detectionBound)
        )
    }

    private mutating func leave(_ index: Int) {
        guard self.nodes[index].isRunning, self.nodes[index].pausedUntil <= self.now else { return }
        self.note("node \(index) leaves")
        self.nodes[index].isLeaving = true
        self.disturb(index, until: self.now)
        let now = self.now
        self.step(index) { $0.leave(at: now) }
    }

    private mutating func start(_ index: Int) {
        guard !self.nodes[index].isRunning else { return }
        self.note("node \(index) starts")
        self.incarnations.reset(observer: index)
        self.disturb(index, until: self.now)
        var configuration = self.profile.membership
        self.bug?.spoil(&configuration)
        var changelog = self.profile.changelog
        var rules = StructuralRules.simulated
        self.bug?.spoil(&changelog, &rules, at: index)
        self.nodes[index].boot(
            configuration,
            changelog,
            rules,
            generator: &self.boots,
            at: self.now
        )
        let seeds = [0, 1].map(SimulatedNode.endpoint)
        let now = self.now
        self.step(index) { $0.start(seeds: seeds, at: now) }
        self.setPeers(of: index)
        self.setObservers(of: index)
        self.stepChangelog(index) { changelog, now in changelog.begin(at: now) }
        self.stepObservations(index) { table, now in table.wake(at: now) }
    }
}
