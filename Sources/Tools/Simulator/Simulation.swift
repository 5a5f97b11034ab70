import MeshActivation
import MeshBalancing
import MeshChangelog
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Many nodes' cores in virtual time, with faults, as a function of one seed.
///
/// Two phases. In the first, faults happen and every step must keep the promises of safety. Then
/// everything heals, and after some quiet all views and stores must be equal.
public struct Simulation {
    /// What waits in the queue.
    enum Event {
        case wakeMembership(Int, number: UInt64)
        case wakeChangelog(Int, number: UInt64)
        case wakeObservations(Int, number: UInt64)
        case wakeMachine(Int, number: UInt64)
        case wakeHealth(Int, number: UInt64)
        case wakeRegions(Int, number: UInt64)
        case checked(Int, SimulatedCheck)
        case publish(Int)
        case saved(Int, ChangelogBatch, token: UInt64, boot: UInt64)
        case compiled(Int, UInt64, boot: UInt64)
        case installed(Int, UInt64, boot: UInt64)
        case resolved(Int, ResolutionTable.Lookup, boot: UInt64)
        case deliver(Packet, from: Int, to: Int)
        case fault(Fault)
        case save
        case write
        case see
        case checkDetection(subject: Int, crashed: MonotonicInstant)
    }

    /// What travels between nodes.
    enum Packet {
        case datagram(MembershipMessage)
        case stream(MembershipMessage)
        case answer(MembershipMessage)
        case probe(MembershipMessage, sequence: UInt32)
        case probed(sequence: UInt32)
        case changelog(ChangelogMessage, ChangelogPath)
        case observations(ObservationMessage)
    }

    /// How many notable events a report shows: 60.
    static let logLimit = 60

    let seed: UInt64
    let profile: FaultProfile
    let bug: PlantedBug?
    let mutant: CoreMutant?
    /// How many checkpoints disks have taken so far.
    public internal(set) var checkpointCount = 0
    var queue = EventQueue<Event>()
    var now = MonotonicInstant(nanoseconds: 0)
    var nodes: [SimulatedNode] = []
    var network: SimulatedNetwork
    var boots: SeededGenerator
    var load: SeededGenerator
    var sights: SeededGenerator
    var targets: SimulatedTargets
    var activity: SeededGenerator
    var lies: SeededGenerator
    /// Who lies, once it has begun.
    var liar: Int?
    var backups: [Int: SimulatedNode.Disk] = [:]
    /// What has happened, and how often.
    var happened: [Happening: Int] = [:]
    /// What has to happen.
    private let expected: Set<Happening>
    /// Writes that break no rule, by ticket.
    var lastWrites: Set<UInt64> = []
    var accuracy: AccuracyChecker
    var incarnations = IncarnationChecker()
    var stores = StoreChecker()
    var disturbed: [Int: MonotonicInstant] = [:]
    var slowestDetection: Duration?
    var crashes: [Int: MonotonicInstant] = [:]
    var violation: Violation?
    var log: [String] = []
    var inputCount = 0
    var ticket: UInt64 = 0
    var datagramCount = 0

    /// Prepares a run.
    public init(seed: UInt64, profile: FaultProfile, bug: PlantedBug? = nil) {
        self.init(seed: seed, profile: profile, bug: bug, mutant: nil)
    }

    /// Prepares a run with a mistake inside a core.
    package init(
        seed: UInt64,
        profile: FaultProfile,
        bug: PlantedBug? = nil,
        mutant: CoreMutant?
    ) {
        var root = SeededGenerator(seed: seed)
        self.seed = seed
        self.profile = profile
        self.bug = bug
        self.mutant = mutant
        self.network = SimulatedNetwork(profile: profile, generator: root.split())
        let schedule = FaultSchedule(profile: profile, generator: root.split())
        self.boots = root.split()
        self.load = root.split()
        self.sights = root.split()
        self.targets = SimulatedTargets(generator: root.split())
        self.activity = root.split()
        self.lies = root.split()
        self.expected = Set(schedule.faults.map(\.fault.happening)).subtracting(schedule.senseless)
            .union(profile.happenings)
        self.accuracy = AccuracyChecker(grace: Self.longestSuspicion(profile))
        for index in 0..<profile.nodeCount {
            var node = SimulatedNode(
                index: index,
                isMixed: profile.isMixed,
                generator: &self.boots
            )
            if bug == .bornFounded {
                node.disk.mesh = MeshClaim(id: MeshID(UInt64(index)), standing: .founded)
            }
            self.nodes.append(node)
            // Nodes start one after the other, as a script starts them.
            self.queue.push(.fault(.restart(index)), at: Self.instant(0.2 * Double(index)))
        }
        self.narrowPaths()
        for (at, fault) in schedule.faults { self.queue.push(.fault(fault), at: at) }
        self.queue.push(.save, at: Self.instant(5))
        self.queue.push(.see, at: Self.instant(2))
        if profile.writesPerSecond > 0 { self.queue.push(.write, at: Self.instant(2)) }
    }

    /// Runs both phases, or until a promise is broken.
    public mutating func run() -> SimulationReport {
        let faultsEnd = Self.instant(self.profile.faultSeconds)
        self.advance(to: faultsEnd)
        if self.violation == nil {
            self.calmDown()
            let end = faultsEnd.advanced(by: .seconds(self.profile.quietSeconds))
            self.advance(to: end)
        }
        if self.violation == nil { self.checkQuiet() }
        if self.violation == nil {
            // Only now, since a write makes nodes look for what they lack.
            for index in self.nodes.indices { self.writeLast(index) }
            self.advance(to: self.now.advanced(by: .seconds(5)))
        }
        self.happened[.lostDatagram] = self.network.lostCount
        self.happened[.doubledDatagram] = self.network.doubledCount
        self.happened[.blockedDatagram] = self.network.blockedDatagrams
        self.happened[.blockedStream] = self.network.blockedStreams
        for happening in Happening.allCases
        where self.expected.contains(happening) && self.happened[happening, default: 0] == 0 {
            let text = "no \(happening) has happened"
            self.report(Violation(promise: .faults, at: self.now, text: text))
        }
        return SimulationReport(
            seed: self.seed,
            profile: self.profile,
            inputCount: self.inputCount,
            datagramCount: self.datagramCount,
            slowestDetection: self.slowestDetection,
            happened: self.happened,
            violation: self.violation,
            lastEvents: self.log
        )
    }

    /// The moment so many seconds after the start.
    static func instant(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    /// Longer than this no suspicion can live.
    private static func longestSuspicion(_ profile: FaultProfile) -> Duration {
        let membership = profile.membership
        let longest = membership.suspicionMultiplier * membership.suspicionMaximumMultiplier
        return membership.probeInterval * (longest + 8) * 1.2 + membership.isolationHold
    }

    private mutating func advance(to end: MonotonicInstant) {
        while self.violation == nil, let (at, event) = self.queue.pop(until: end) {
            self.now = at
            self.handle(event)
        }
        self.now = end
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .wakeMembership(let index, let number):
            guard self.isAwake(index, else: event),
                self.nodes[index].membershipWake == number
            else { return }
            let now = self.time(at: index)
            self.step(index) { $0.wake(at: now) }
        case .wakeChangelog(let index, let number):
            guard self.isAwake(index, else: event),
                self.nodes[index].changelogWake == number
            else { return }
            self.stepChangelog(index) { changelog, now in changelog.wake(at: now) }
        case .wakeObservations(let index, let number):
            guard self.isAwake(index, else: event),
                self.nodes[index].observationWake == number
            else { return }
            self.stepObservations(index) { table, now in table.wake(at: now) }
        case .wakeMachine(let index, let number):
            guard self.isAwake(index, else: event), self.nodes[index].machineWake == number
            else { return }
            self.stepMachine(index) { machine, now in machine.wake(at: now) }
        case .wakeHealth(let index, let number):
            guard self.isAwake(index, else: event), self.nodes[index].healthWake == number
            else { return }
            self.stepHealth(index) { $0.wake(at: $1) }
        case .wakeRegions(let index, let number):
            guard self.isAwake(index, else: event), self.nodes[index].regionWake == number
            else { return }
            self.stepRegions(index) { $0.wake(at: $1) }
        case .checked(let index, let check):
            guard self.isAwake(index, else: event) else { return }
            self.checked(index, check)
        case .publish(let index):
            guard self.isAwake(index, else: event) else { return }
            self.publishHealth(index)
        case .compiled(let index, let revision, let boot):
            self.compiled(index, revision, boot: boot)
        case .installed(let index, let revision, let boot):
            self.installed(index, revision, boot: boot)
        case .resolved(let index, let lookup, let boot):
            self.resolved(index, lookup, boot: boot)
        case .saved(let index, let batch, let token, let boot):
            self.saved(index, batch, token: token, boot: boot)
        case .deliver(let packet, let sender, let receiver):
            guard self.isAwake(receiver, else: event) else { return }
            self.deliver(packet, from: sender, to: receiver)
        case .fault(let fault):
            self.apply(fault)
        case .save:
            self.save()
        case .write:
            self.write()
        case .see:
            self.see()
        case .checkDetection(let subject, let crashed):
            self.checkDetection(of: subject, since: crashed)
        }
    }

    /// Whether a node can take an event now; a paused one finds it in its socket later.
    private mutating func isAwake(_ index: Int, else event: Event) -> Bool {
        guard self.nodes[index].isRunning else { return false }
        guard self.nodes[index].pausedUntil > self.now else { return true }
        self.queue.push(event, at: self.nodes[index].pausedUntil)
        return false
    }

    /// Keeps what peers are known, as the node's shell does from time to time.
    private mutating func save() {
        for index in self.nodes.indices {
            guard let membership = self.nodes[index].membership else { continue }
            self.nodes[index].disk.members = membership.knownMembers(at: self.time(at: index))
        }
        self.queue.push(.save, at: self.now.advanced(by: .seconds(5)))
    }

    /// Ends all faults: joins the network, wakes the paused, and stops writing.
    private mutating func calmDown() {
        self.note("all faults end")
        self.network.becomePerfect()
        self.targets.calmDown()
        for index in self.nodes.indices { self.nodes[index].pausedUntil = self.now }
    }

    /// Lets some paths carry datagrams only, and some streams only.
    private mutating func narrowPaths() {
        var pairs: [Set<Int>] = []
        for one in 0..<self.profile.nodeCount {
            for other in 0..<one { pairs.append([one, other]) }
        }
        pairs = self.activity.shuffle(pairs)
        for pair in pairs.prefix(self.profile.datagramOnlyPairs) {
            self.network.narrow(pair, toStreams: false)
        }
        let rest = pairs.dropFirst(self.profile.datagramOnlyPairs)
        for pair in rest.prefix(self.profile.streamOnlyPairs) {
            self.network.narrow(pair, toStreams: true)
        }
    }

    /// Counts something that has happened.
    mutating func count(_ happening: Happening) { self.happened[happening, default: 0] += 1 }

    /// Remembers one line for the report.
    mutating func note(_ text: String) {
        self.log.append("\(self.now.seconds) \(text)")
        if self.log.count > Self.logLimit { self.log.removeFirst() }
    }

    /// Keeps the first broken promise.
    mutating func report(_ violation: Violation?) {
        if self.violation == nil { self.violation = violation }
    }
}
