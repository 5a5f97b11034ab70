import HashTreeCollections
import MeshChangelog
import MeshPrimitives

/// Many changelogs alone, in virtual time, for measurements at scale.
///
/// Within a region a message takes 0.2 to 1 ms, between two regions 20 to 80 ms, always the same for
/// a pair; one by stream takes three times as long, and 200 ms more when a packet of it is lost. A save
/// takes 1 to 20 ms, then building and installing 5 to 20 ms. Each node pings another one every second,
/// which shows both the other's root.
struct ConfigurationFleet {
    private enum Input {
        case wake(Int)
        case ping(Int)
        case root(ContentHash, from: Int, to: Int, isAnswer: Bool)
        case datagram(ChangelogMessage, from: Int, to: Int)
        case stream(ChangelogMessage, from: Int, to: Int)
        case saved(Int, ChangelogBatch, token: UInt64)
        case installed(changes: [Int])
    }

    private struct Node {
        var changelog: Changelog
        /// Changes that have not come here yet.
        var awaited: [Int] = []
        var wake = MonotonicInstant(nanoseconds: 0)
    }

    private var nodes: [Node] = []
    private var queue = EventQueue<Input>()
    private var now = MonotonicInstant(nanoseconds: 0)
    private var generator: SeededGenerator
    private let regions: Int
    private let loss: Double
    /// When each change was made.
    private var changes: [MonotonicInstant] = []
    private(set) var messageCount = 0
    private(set) var lostCount = 0
    /// Seconds from each change until each node had it active.
    private(set) var delays: [Double] = []
    /// Seconds from each change until its writer was told that it is safe.
    private(set) var acknowledgements: [Double] = []

    /// Starts nodes that all know each other, spread evenly over regions.
    init(_ count: Int, regions: Int, loss: Double, seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        self.regions = regions
        self.loss = loss
        let fleet = ChangelogPeers(
            (0..<count).map { index in
                ChangelogPeer(node: ExperimentFleet.id(index), region: "r\(index % regions)")
            }
        )
        for index in 0..<count {
            // An empty store is readable.
            guard
                var changelog = try? Changelog(
                    node: ExperimentFleet.id(index),
                    region: "r\(index % regions)",
                    stored: StoredChangelog(),
                    rules: .simulated,
                    seed: self.generator.next()
                )
            else { continue }
            changelog.setPeers(fleet)
            self.nodes.append(Node(changelog: changelog))
            let at = MonotonicInstant(
                nanoseconds: Int64(self.generator.nextUnit() * 1e9)
            )
            self.queue.push(.ping(index), at: at)
            self.queue.push(.wake(index), at: at)
        }
    }

    /// How many hashes there are beside that of the first node.
    var differentHashes: Int { Set(self.nodes.map(\.changelog.head.hash)).count - 1 }

    /// Changes one entity at a node chosen at random.
    mutating func write(_ number: Int) {
        let index = self.generator.next(below: self.nodes.count)
        let draft = ChangelogDraft(
            changes: [Self.key(number): [UInt8](repeating: UInt8(number & 255), count: 200)]
        )
        self.changes.append(self.now)
        for place in self.nodes.indices { self.nodes[place].awaited.append(number) }
        self.step(index) { changelog, now in
            (try? changelog.write(draft, ticket: UInt64(number), at: now)) ?? []
        }
    }

    /// Lets time pass until `second`.
    mutating func run(until second: Double) {
        let end = MonotonicInstant(nanoseconds: Int64(second * 1e9))
        while let (at, input) = self.queue.pop(until: end) {
            self.now = at
            self.take(input)
        }
        self.now = end
    }

    private mutating func take(_ input: Input) {
        switch input {
        case .wake(let index):
            guard self.nodes[index].wake <= self.now else { return }
            self.step(index) { $0.wake(at: $1) }
        case .ping(let index):
            let other = self.generator.next(below: self.nodes.count)
            self.show(self.nodes[index].changelog.root, index, other, isAnswer: false)
            self.queue.push(.ping(index), at: self.now.advanced(by: .seconds(1)))
        case .root(let root, let sender, let receiver, let isAnswer):
            self.step(receiver) { $0.peerRoot(ExperimentFleet.id(sender), root, at: $1) }
            guard !isAnswer else { return }
            self.show(self.nodes[receiver].changelog.root, receiver, sender, isAnswer: true)
        case .datagram(let message, let sender, let receiver):
            self.step(receiver) {
                $0.receive(message, from: ExperimentFleet.id(sender), by: .datagram, at: $1)
            }
        case .stream(let message, let sender, let receiver):
            self.step(receiver) { $0.receive(message, from: ExperimentFleet.id(sender), at: $1) }
        case .saved(let index, let batch, let token):
            let prepared = batch.prepared(by: .simulated)
            self.step(index) { $0.persisted(token, prepared, at: $1) }
        case .installed(let changes):
            self.delays += changes.map { Self.seconds(self.changes[$0].duration(to: self.now)) }
        }
    }

    private mutating func step(
        _ index: Int,
        _ input: (inout Changelog, MonotonicInstant) -> [ChangelogEffect]
    ) {
        let effects = input(&self.nodes[index].changelog, self.now)
        for effect in effects { self.perform(effect, at: index) }
    }

    private mutating func perform(_ effect: ChangelogEffect, at index: Int) {
        switch effect {
        case .send(let message, let peer):
            let receiver = ExperimentFleet.index(peer)
            guard self.passes() else { return }
            self.queue.push(
                .datagram(message, from: index, to: receiver),
                at: self.now.advanced(by: self.delay(index, receiver))
            )
        case .stream(let message, let peer):
            let receiver = ExperimentFleet.index(peer)
            let again: Duration = self.passes() ? .zero : .milliseconds(200)
            self.queue.push(
                .stream(message, from: index, to: receiver),
                at: self.now.advanced(by: self.delay(index, receiver) * 3 + again)
            )
        case .persist(let batch, let token):
            self.queue.push(
                .saved(index, batch, token: token),
                at: self.now.advanced(by: self.milliseconds(1, 20))
            )
        case .changed: self.install(at: index)
        case .acknowledged(let ticket, _):
            let made = self.changes[Int(ticket)]
            self.acknowledgements.append(Self.seconds(made.duration(to: self.now)))
        case .wake(let instant):
            self.nodes[index].wake = instant
            self.queue.push(.wake(index), at: max(instant, self.now))
        case .unconfirmed, .rejected, .notice: break
        }
    }

    private mutating func show(
        _ root: ContentHash,
        _ sender: Int,
        _ receiver: Int,
        isAnswer: Bool
    ) {
        guard self.passes() else { return }
        self.queue.push(
            .root(root, from: sender, to: receiver, isAnswer: isAnswer),
            at: self.now.advanced(by: self.delay(sender, receiver))
        )
    }

    /// Builds what a node holds by now.
    private mutating func install(at index: Int) {
        let entities = self.nodes[index].changelog.state.entities
        let arrived = self.nodes[index].awaited.filter { entities[Self.key($0)] != nil }
        guard !arrived.isEmpty else { return }
        self.nodes[index].awaited.removeAll(where: arrived.contains)
        let at = self.now.advanced(by: self.milliseconds(5, 20))
        self.queue.push(.installed(changes: arrived), at: at)
    }

    private static func key(_ change: Int) -> String { "routes/\(change)" }

    private mutating func passes() -> Bool {
        self.messageCount += 1
        guard self.loss > 0, self.generator.nextUnit() < self.loss else { return true }
        self.lostCount += 1
        return false
    }

    private mutating func delay(_ sender: Int, _ receiver: Int) -> Duration {
        let (one, other) = (sender % self.regions, receiver % self.regions)
        guard one != other else { return self.milliseconds(0.2, 1) }
        let pair = UInt64(min(one, other) * self.regions + max(one, other))
        let base = 20 + Double(SeededGenerator.mix(pair) % 60)
        return self.milliseconds(base, base * 1.05)
    }

    private mutating func milliseconds(_ low: Double, _ high: Double) -> Duration {
        .microseconds(Int((low + (high - low) * self.generator.nextUnit()) * 1_000))
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
