import MeshDissemination
import MeshMembership
import MeshPrimitives

/// Many memberships alone, in virtual time, for measurements at scale.
///
/// Datagrams take 0.2 to 1 ms and streams three times as long; loss, cuts and blocked members are set
/// by the experiment. A blocked member processes no message, neither in nor out, until all of them at
/// its end, as with the blocked members of the Lifeguard paper: what it wants to send first holds up
/// its probes and its gossip, as a send that does not return would, while its suspicions run out.
struct ExperimentFleet {
    private enum Input {
        case wake(Int, number: Int)
        case datagram(MembershipMessage, from: Int, to: Int)
        case stream(MembershipMessage, from: Int, to: Int)
        case answer(MembershipMessage, from: Int, to: Int)
        case ping(MembershipMessage, sequence: UInt32, from: Int, to: Int)
        case pong(sequence: UInt32, at: Int)
    }

    /// What a message is for.
    enum Errand: Int, CaseIterable {
        case ping
        case ack
        case relay
        case gossip
        case stream
    }

    /// What one observer learned.
    struct Sighting {
        let observer: Int
        let at: MonotonicInstant
        let event: MembershipEvent
    }

    /// Bytes that the seal adds to a datagram.
    static let envelopeByteCount = 66
    /// Bytes that a stream costs beside its message: handshake, frame, TCP and IP headers.
    static let streamByteCount = 600

    private(set) var nodes: [Membership?]
    private(set) var now = MonotonicInstant(nanoseconds: 0)
    private(set) var datagrams: UInt64 = 0
    private(set) var datagramBytes: UInt64 = 0
    private(set) var streamBytes: UInt64 = 0
    /// Messages by what they are for, in the order of ``Errand``.
    private(set) var messages = [UInt64](repeating: 0, count: Errand.allCases.count)
    /// Datagrams that loss or a cut took.
    private(set) var lostCount: UInt64 = 0
    /// The most bytes that one node has sent in one second.
    private(set) var peakBytes: UInt64 = 0
    /// Datagrams that were one source's too many.
    private(set) var refusedCount: UInt64 = 0
    /// Inputs that found their node blocked.
    private(set) var delayedCount: UInt64 = 0
    /// Called with every event of every node.
    var onEvent: ((Sighting) -> Void)?
    /// Chance that a datagram is lost on its way in or out of a node, 0 to 1.
    var lossIn = PerNode(0.0)
    var lossOut = PerNode(0.0)
    /// Chance that any datagram is lost.
    var loss = 0.0
    /// Nodes of one side of a cut.
    var cut: Set<Int> = []
    private var blockedUntil = PerNode(MonotonicInstant(nanoseconds: 0))
    /// The end of the block in which a node is stuck with something to send.
    private var stuckUntil = PerNode(MonotonicInstant(nanoseconds: 0))
    /// What each node has sent in the second that runs.
    private var second: Int64 = 0
    private var sentInSecond = PerNode<UInt64>(0)
    /// What each node takes from each source; not kept in larger fleets, where it would be too much.
    private var sources: [SourceLimits] = []
    private let plant: PlantedBug?
    private let tell: (@Sendable (String) -> Void)?
    private var queue = EventQueue<Input>()
    private var wakes: [Int]
    private var generator: SeededGenerator
    private let configuration: MembershipConfiguration

    /// Prepares nodes that do not run.
    init(
        _ count: Int,
        _ configuration: MembershipConfiguration,
        seed: UInt64,
        plant: PlantedBug? = nil,
        tell: (@Sendable (String) -> Void)? = nil
    ) {
        self.plant = plant
        self.tell = tell
        var configuration = configuration
        plant?.spoil(&configuration)
        self.configuration = configuration
        self.generator = SeededGenerator(seed: seed)
        self.nodes = Array(repeating: nil, count: count)
        self.wakes = Array(repeating: 0, count: count)
    }

    /// The identity of a node.
    static func id(_ index: Int) -> NodeID {
        // Scattered, so that neighbours on the ring are not neighbours in number.
        NodeID(high: SeededGenerator.mix(UInt64(index) &+ 1), low: UInt64(index))
    }

    /// The node of an identity.
    static func index(_ id: NodeID) -> Int { Int(id.low) }

    /// The mesh of them all.
    private static let mesh = MeshClaim(id: MeshID(1), standing: .founded)

    /// What a node has signed of itself at its first start.
    static func record(_ index: Int) -> SignedRecord {
        let identity = SimulatedKeys.identity(of: Self.id(index))
        let start = MemberStart(boot: 1, token: UInt64(index))
        return SignedRecord(
            MemberRecord(
                profile: Self.profile(index),
                key: identity.key,
                start: start,
                mesh: Self.mesh.id,
                incarnation: start.firstIncarnation
            ),
            signing: identity.sign
        )
    }

    /// Lets each node take no more of a source than it may, where there are not too many for that.
    mutating func limitSources() {
        guard self.nodes.count <= Self.sharingFrom else { return }
        self.sources = Array(
            repeating: SourceLimits(secret: 1),
            count: self.nodes.count
        )
    }

    /// Starts every node with all of them known to each.
    mutating func startKnowing() {
        let known = self.nodes.indices.map { MemberUpdate.record(Self.record($0)) }
        guard known.count > Self.sharingFrom else {
            for index in self.nodes.indices { self.start(index, knowing: known) }
            return
        }
        // Somebody who knows all of them and never runs.
        var witness = self.membership(known.count, Self.mesh)
        witness.restore(known, at: self.now)
        for index in self.nodes.indices {
            var node = self.membership(index, Self.mesh)
            node.share(viewOf: witness)
            self.nodes[index] = node
            let now = self.now
            self.step(index) { $0.start(seeds: [], at: now) }
        }
    }

    /// In larger fleets, all that know all share one view from the start, and begin as if they had run
    /// for long.
    private static let sharingFrom = 300

    private mutating func membership(_ index: Int, _ mesh: MeshClaim) -> Membership {
        Membership(
            configuration: self.configuration,
            profile: Self.profile(index),
            identity: SimulatedKeys.identity(of: Self.id(index)),
            start: MemberStart(boot: 1, token: UInt64(index)),
            mesh: mesh,
            generator: SeededGenerator(seed: self.generator.next())
        )
    }

    /// Starts one node.
    mutating func start(_ index: Int, knowing known: [MemberUpdate] = [], seeds: [Int] = []) {
        while self.nodes.count <= index {
            self.nodes.append(nil)
            self.wakes.append(0)
        }
        let alone = MeshClaim(id: MeshID(Self.id(index).high), standing: .alone)
        var node = self.membership(index, known.isEmpty ? alone : Self.mesh)
        node.restore(known.filter { $0.subject != Self.id(index) }, at: self.now)
        self.nodes[index] = node
        let (now, seeds) = (self.now, seeds.map(SimulatedNode.endpoint))
        self.step(index) { $0.start(seeds: seeds, at: now) }
    }

    /// Ends nodes without a word.
    mutating func kill(_ indices: some Sequence<Int>) {
        for index in indices { self.nodes[index] = nil }
    }

    /// Lets a node process no message for a while.
    mutating func block(_ index: Int, until end: MonotonicInstant) {
        self.blockedUntil[index] = end
    }

    /// Whether a node is blocked now.
    func isBlocked(_ index: Int) -> Bool {
        self.blockedUntil[index] > self.now
    }

    /// Lets time pass until `second`.
    mutating func run(until second: Double) {
        let end = MonotonicInstant(nanoseconds: Int64(second * 1e9))
        while let (at, input) = self.queue.pop(until: end) {
            self.now = max(self.now, at)
            self.deliver(input)
        }
        self.now = max(self.now, end)
    }

    /// Lets time pass in steps until `isOver` holds or `second` has come; gives the time, or `nil`.
    mutating func run(
        until second: Double,
        step: Double,
        _ isOver: (ExperimentFleet) -> Bool
    ) -> Double? {
        var next = self.seconds
        while next < second {
            next = min(second, next + step)
            self.run(until: next)
            if isOver(self) { return self.seconds }
        }
        return nil
    }

    /// Virtual seconds since the start.
    var seconds: Double { Double(self.now.nanoseconds) / 1e9 }

    /// Times that nodes which run held news back or cut an answer, since their bytes were used up.
    var heldCount: UInt64 {
        self.nodes.reduce(0) { sum, node in
            let counters = node?.statistics
            return sum + (counters?.newsHeld ?? 0) + (counters?.answersCut ?? 0)
        }
    }

    /// Bytes sent by all nodes, datagrams with their seals and streams with their overhead.
    var bytes: UInt64 { self.datagramBytes + self.streamBytes }

    private static func profile(_ index: Int) -> MemberProfile {
        MemberProfile(
            id: Self.id(index),
            name: "node-\(index)",
            region: "eu",
            zone: "a",
            address: SimulatedNode.endpoint(of: index),
            version: "sim"
        )
    }

    private mutating func step(
        _ index: Int,
        _ input: (inout Membership) -> [Membership.Effect]
    ) {
        guard let effects = self.nodes[index]?.take(input) else { return }
        for effect in effects { self.perform(effect, at: index) }
    }

    private mutating func deliver(_ input: Input) {
        if let receiver = Self.receiver(of: input), self.isBlocked(receiver) {
            self.delayedCount += 1
            return self.queue.push(input, at: self.blockedUntil[receiver])
        }
        let now = self.now
        switch input {
        case .wake(let index, let number):
            if self.wakes[index] == number { self.wake(index) }
        case .datagram(let message, let sender, let receiver):
            let source = SimulatedNode.endpoint(of: sender)
            guard self.isTaken(message, from: sender, by: receiver) else { return }
            let message = self.heard(message, by: receiver)
            self.step(receiver) { $0.receive(message, from: source, at: now) }
        case .stream(let message, let sender, let receiver):
            var answer: MembershipMessage?
            self.step(receiver) { node in
                let outcome = node.receiveStream(message, from: Self.id(sender), at: now)
                answer = outcome.answer
                return outcome.effects
            }
            guard let answer else { return }
            self.streamBytes += self.counted(answer.wireByteCount, by: receiver)
            self.stream(.answer(answer, from: receiver, to: sender), receiver, sender)
        case .answer(let message, let sender, let receiver):
            self.step(receiver) {
                $0.receiveStream(message, from: Self.id(sender), at: now).effects
            }
        case .ping(let message, let sequence, let sender, let receiver):
            var isAnswered = false
            self.step(receiver) { node in
                let outcome = node.receiveStream(message, from: Self.id(sender), at: now)
                isAnswered = outcome.answer != nil
                return outcome.effects
            }
            if isAnswered { self.stream(.pong(sequence: sequence, at: sender), receiver, sender) }
        case .pong(let sequence, let index):
            self.step(index) {
                $0.streamProbeFinished(sequence: sequence, succeeded: true, at: now)
            }
        }
    }

    private mutating func wake(_ index: Int) {
        let (now, end) = (self.now, self.blockedUntil[index])
        guard self.isBlocked(index) else { return self.step(index) { $0.wake(at: now) } }
        guard self.stuckUntil[index] == end else {
            let sent = self.datagrams
            self.step(index) { $0.wake(at: now) }
            if self.datagrams > sent { self.stuckUntil[index] = end }
            return
        }
        self.step(index) { $0.wakeWhileStuck(until: end, at: now) }
    }

    /// A message as a node with a planted mistake hears it.
    private func heard(_ message: MembershipMessage, by receiver: Int) -> MembershipMessage {
        guard self.plant == .deafToAccusations else { return message }
        var message = message
        message.updates.removeAll { $0.subject == Self.id(receiver) }
        return message
    }

    /// Whose messages are processed; timers fire though messages are blocked.
    private static func receiver(of input: Input) -> Int? {
        switch input {
        case .wake: nil
        case .pong(_, let index): index
        case .datagram(_, _, let receiver), .stream(_, _, let receiver),
            .answer(_, _, let receiver), .ping(_, _, _, let receiver):
            receiver
        }
    }

    private mutating func perform(_ effect: Membership.Effect, at index: Int) {
        switch effect {
        case .send(let message, let endpoint):
            self.datagrams += 1
            self.messages[message.kind.errand.rawValue] += 1
            let byteCount = message.wireByteCount + Self.envelopeByteCount
            self.datagramBytes += self.counted(byteCount, by: index)
            let receiver = SimulatedNode.index(of: endpoint) ?? index
            guard self.isWhole(index, receiver), !self.isLost(index, receiver) else {
                self.lostCount += 1
                return
            }
            self.queue.push(
                .datagram(message, from: index, to: receiver),
                at: self.sent(by: index, after: self.delay)
            )
        case .stream(let message, let endpoint):
            self.messages[Errand.stream.rawValue] += 1
            let receiver = SimulatedNode.index(of: endpoint) ?? index
            self.streamBytes += self.counted(
                message.wireByteCount + Self.streamByteCount,
                by: index
            )
            guard self.plant != .noFullSync || self.seconds < 5 else { return }
            self.stream(.stream(message, from: index, to: receiver), index, receiver)
        case .probeByStream(let id, let endpoint, let sequence):
            guard let ping = self.nodes[index]?.streamPing(sequence: sequence, target: id),
                let receiver = SimulatedNode.index(of: endpoint)
            else { return }
            self.messages[Errand.stream.rawValue] += 1
            self.streamBytes += UInt64(Self.streamByteCount)
            guard self.plant != .blindProbes else {
                let pong = Input.pong(sequence: sequence, at: index)
                return self.queue.push(pong, at: self.now.advanced(by: .milliseconds(1)))
            }
            let input = Input.ping(ping, sequence: sequence, from: index, to: receiver)
            self.stream(input, index, receiver)
        case .wake(let at):
            self.wakes[index] += 1
            self.queue.push(.wake(index, number: self.wakes[index]), at: max(at, self.now))
        case .event(let event):
            self.report(event, at: index)
            self.onEvent?(Sighting(observer: index, at: self.now, event: event))
        case .peerDigest, .proved, .measured, .persistBoot, .persistMesh: break
        }
    }

    private func report(_ event: MembershipEvent, at index: Int) {
        guard let tell, case .changed(let member, let before) = event, member.state != before
        else { return }
        tell(
            "\(ExperimentTable.seconds(self.seconds)) node-\(index): \(member.profile.name) "
                + "\(before) -> \(member.state)"
        )
    }

    private mutating func stream(_ input: Input, _ sender: Int, _ receiver: Int) {
        guard self.nodes.indices.contains(receiver), self.nodes[receiver] != nil,
            self.isWhole(sender, receiver), self.passesStream(sender, receiver)
        else { return }
        self.queue.push(input, at: self.sent(by: sender, after: self.delay * 3))
    }

    /// Counts bytes that a node sends now; gives them.
    private mutating func counted(_ byteCount: Int, by index: Int) -> UInt64 {
        let second = self.now.nanoseconds / 1_000_000_000
        if second != self.second {
            self.second = second
            self.sentInSecond = PerNode(0)
        }
        self.sentInSecond[index] += UInt64(byteCount)
        self.peakBytes = max(self.peakBytes, self.sentInSecond[index])
        return UInt64(byteCount)
    }

    /// Whether a node takes a datagram, by what its source has sent before.
    private mutating func isTaken(
        _ message: MembershipMessage,
        from sender: Int,
        by receiver: Int
    ) -> Bool {
        guard self.sources.indices.contains(receiver) else { return true }
        let byteCount = message.wireByteCount + Self.envelopeByteCount
        let member = Self.id(sender)
        let isMember = self.nodes[receiver]?.isPresent(member) ?? false
        let isTaken =
            isMember
            ? self.sources[receiver].admits(byteCount, of: member, at: self.now)
            : self.sources[receiver].admits(
                byteCount,
                ofStrangerAt: SimulatedNode.endpoint(of: sender).address,
                at: self.now
            )
        if !isTaken { self.refusedCount += 1 }
        return isTaken
    }

    private func isWhole(_ sender: Int, _ receiver: Int) -> Bool {
        self.cut.isEmpty || self.cut.contains(sender) == self.cut.contains(receiver)
    }

    private mutating func isLost(_ sender: Int, _ receiver: Int) -> Bool {
        guard self.nodes.indices.contains(receiver) else { return true }
        let dice = self.generator.nextUnit()
        return dice < max(self.loss, self.lossOut[sender], self.lossIn[receiver])
    }

    /// When a message that a node sends now arrives.
    private func sent(by index: Int, after delay: Duration) -> MonotonicInstant {
        max(self.now, self.blockedUntil[index]).advanced(by: delay)
    }

    /// Whether a stream gets through in time: one of two unreliable nodes loses half of a handshake and
    /// of the answer, and there is no time to repeat them.
    private mutating func passesStream(_ sender: Int, _ receiver: Int) -> Bool {
        var chance = 1.0
        for index in [sender, receiver] {
            chance *= (1 - self.lossIn[index]) * (1 - self.lossOut[index])
        }
        guard chance < 1 else { return true }
        return self.generator.nextUnit() < chance
    }

    private var delay: Duration {
        mutating get { .microseconds(200 + Int(self.generator.nextUnit() * 800)) }
    }
}

extension MembershipMessage.Kind {
    /// What a datagram is for.
    fileprivate var errand: ExperimentFleet.Errand {
        switch self {
        case .ping: .ping
        case .ack: .ack
        case .pingRequest, .nack: .relay
        default: .gossip
        }
    }
}
