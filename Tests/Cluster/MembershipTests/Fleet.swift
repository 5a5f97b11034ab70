import MeshMembership
import MeshPrimitives

/// Some nodes that talk to each other in virtual time, some of which are killed.
///
/// Datagrams take up to a millisecond and may be lost; streams reach whoever runs.
struct Fleet {
    private enum Input {
        case wake(Int, number: Int)
        case datagram(MembershipMessage, from: Int, to: Int)
        case stream(MembershipMessage, from: Int, to: Int)
        case answer(MembershipMessage, from: Int, to: Int)
        case probed(sequence: UInt32, at: Int)
    }

    private struct Due {
        let at: MonotonicInstant
        let number: Int
        let input: Input

        static func < (one: Due, other: Due) -> Bool {
            (one.at, one.number) < (other.at, other.number)
        }
    }

    var nodes: [Membership?] = []
    private(set) var now = instant(0)
    /// Datagrams sent so far.
    private(set) var datagrams = 0
    /// Events of all nodes, with the node that tells them.
    private(set) var events: [(node: Int, at: MonotonicInstant, event: MembershipEvent)] = []
    private var heap: [Due] = []
    private var pushed = 0
    private var wakes: [Int] = []
    private var generator: SeededGenerator
    private let loss: Double
    /// Whether nothing arrives anywhere.
    var isCut = false

    /// Starts `count` nodes that already know each other.
    init(
        _ count: Int,
        _ configuration: MembershipConfiguration = .lan,
        seed: UInt64,
        loss: Double = 0
    ) {
        self.generator = SeededGenerator(seed: seed)
        self.loss = loss
        let claims = (0..<count).map { claim(UInt64($0) + 1, .alive) }
        for index in 0..<count {
            var node = Membership(
                configuration: configuration,
                profile: profile(UInt64(index) + 1),
                identity: FakeKeys.identity(UInt64(index) + 1),
                start: MemberStart(boot: 0, token: 1),
                mesh: testMesh,
                incarnation: 1,
                generator: SeededGenerator(seed: self.generator.next())
            )
            node.restore(claims.filter { $0.subject != profile(UInt64(index) + 1).id }, at: now)
            self.nodes.append(node)
            self.wakes.append(0)
            self.step(index) { $0.start(seeds: [], at: instant(0)) }
        }
    }

    /// Starts one more node, which knows nobody but its seeds.
    mutating func add(_ mesh: MeshClaim, seeds: [Int], boot: UInt64 = 0) {
        let index = self.nodes.count
        let node = Membership(
            configuration: .lan,
            profile: profile(UInt64(index) + 1),
            identity: FakeKeys.identity(UInt64(index) + 1),
            start: MemberStart(boot: boot, token: 1),
            mesh: mesh,
            generator: SeededGenerator(seed: self.generator.next())
        )
        self.nodes.append(node)
        self.wakes.append(0)
        let now = self.now
        self.step(index) { $0.start(seeds: seeds.map { endpoint(UInt64($0) + 1) }, at: now) }
    }

    /// Ends a node without a word.
    mutating func kill(_ indices: some Sequence<Int>) {
        for index in indices { self.nodes[index] = nil }
    }

    /// Gives one input to a node.
    mutating func step(_ index: Int, _ input: (inout Membership) -> [Membership.Effect]) {
        guard var node = self.nodes[index] else { return }
        self.nodes[index] = nil
        let effects = input(&node)
        self.nodes[index] = node
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Lets time pass until `isOver` holds, at most until `second`.
    ///
    /// - Returns: whether it came to hold.
    @discardableResult
    mutating func run(until second: Double, _ isOver: (Fleet) -> Bool = { _ in false }) -> Bool {
        var checked = self.now
        while let due = self.heap.first, due.at <= instant(second) {
            self.removeFirst()
            self.now = max(self.now, due.at)
            self.deliver(due.input)
            guard checked.duration(to: self.now) > .milliseconds(20) else { continue }
            checked = self.now
            if isOver(self) { return true }
        }
        self.now = max(self.now, instant(second))
        return isOver(self)
    }

    /// Whether every node that runs has declared all of `indices` failed, and nobody else.
    func knowsFailed(_ indices: some Sequence<Int>) -> Bool {
        let failed = Set(indices.map { node(UInt64($0) + 1) })
        return self.nodes.allSatisfy { running in
            guard let running else { return true }
            return running.members.allSatisfy { member in
                (member.state == .failed) == failed.contains(member.id)
            }
        }
    }

    private mutating func deliver(_ input: Input) {
        let now = self.now
        switch input {
        case .wake(let index, let number):
            if self.wakes[index] == number { self.step(index) { $0.wake(at: now) } }
        case .datagram(let message, let sender, let receiver):
            let source = endpoint(UInt64(sender) + 1)
            self.step(receiver) { $0.receive(message, from: source, at: now) }
        case .stream(let message, let sender, let receiver):
            let peer = node(UInt64(sender) + 1)
            var answer: MembershipMessage?
            self.step(receiver) { node in
                let result = node.receiveStream(message, from: peer, at: now)
                answer = result.answer
                return result.effects
            }
            if let answer { self.push(.answer(answer, from: receiver, to: sender)) }
        case .answer(let message, let sender, let receiver):
            let peer = node(UInt64(sender) + 1)
            self.step(receiver) { $0.receiveStream(message, from: peer, at: now).effects }
        case .probed(let sequence, let index):
            self.step(index) {
                $0.streamProbeFinished(sequence: sequence, succeeded: true, at: now)
            }
        }
    }

    private mutating func perform(_ effect: Membership.Effect, at index: Int) {
        switch effect {
        case .send(let message, let endpoint):
            self.datagrams += 1
            guard self.generator.nextUnit() >= self.loss, !self.isCut else { return }
            self.push(.datagram(message, from: index, to: Self.index(of: endpoint)))
        case .stream(let message, let endpoint):
            guard !self.isCut else { return }
            self.push(.stream(message, from: index, to: Self.index(of: endpoint)))
        case .probeByStream(_, let endpoint, let sequence):
            guard !self.isCut, self.nodes[Self.index(of: endpoint)] != nil else { return }
            self.push(.probed(sequence: sequence, at: index))
        case .wake(let at):
            self.wakes[index] += 1
            self.push(.wake(index, number: self.wakes[index]), at: at)
        case .event(let event):
            self.events.append((index, self.now, event))
        case .peerDigest, .proved, .measured, .persistBoot, .persistMesh:
            return
        }
    }

    private static func index(of endpoint: Endpoint) -> Int {
        guard case .v4(let address) = endpoint.address else { return 0 }
        return Int(address - 0x7F00_0001)
    }

    private mutating func push(_ input: Input, at moment: MonotonicInstant? = nil) {
        let delay = Duration.microseconds(200 + Int(self.generator.nextUnit() * 800))
        self.pushed += 1
        let at = max(moment ?? self.now.advanced(by: delay), self.now)
        self.heap.append(Due(at: at, number: self.pushed, input: input))
        var child = self.heap.count - 1
        while child > 0, self.heap[child] < self.heap[(child - 1) / 2] {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func removeFirst() {
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.heap.count && self.heap[child] < self.heap[least] {
                least = child
            }
            guard least != parent else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
