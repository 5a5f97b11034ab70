import MeshPrimitives

/// Loses, doubles, delays and cuts.
struct SimulatedNetwork {
    private let profile: FaultProfile
    private var generator: SeededGenerator
    private var cut: (group: Set<Int>, isOneWay: Bool)?
    private var isPerfect = false
    /// Pairs of nodes between which datagrams, or streams, never pass.
    private var withoutDatagrams: Set<Set<Int>> = []
    private var withoutStreams: Set<Set<Int>> = []
    private(set) var lostCount = 0
    private(set) var doubledCount = 0
    private(set) var blockedDatagrams = 0
    private(set) var blockedStreams = 0

    /// Creates a whole network with the faults of `profile`.
    init(profile: FaultProfile, generator: SeededGenerator) {
        self.profile = profile
        self.generator = generator
    }

    /// Whether no direction is cut.
    var isWhole: Bool { self.cut == nil }

    /// Cuts the network.
    mutating func split(_ group: Set<Int>, isOneWay: Bool) { self.cut = (group, isOneWay) }

    /// Lets the path between two nodes carry streams only, or datagrams only, for ever.
    mutating func narrow(_ pair: Set<Int>, toStreams: Bool) {
        if toStreams {
            self.withoutDatagrams.insert(pair)
        } else {
            self.withoutStreams.insert(pair)
        }
    }

    /// Joins what was cut.
    mutating func heal() { self.cut = nil }

    /// Joins what was cut and loses nothing from now on.
    mutating func becomePerfect() {
        self.cut = nil
        self.isPerfect = true
    }

    /// After how long the copies of a datagram arrive; none when it is lost.
    mutating func datagram(from sender: Int, to receiver: Int) -> [Duration] {
        let fate = self.generator.nextUnit()
        let copy = self.generator.nextUnit()
        let delays = [self.delay(), self.delay()]
        guard self.passes(from: sender, to: receiver) else { return [] }
        guard !self.withoutDatagrams.contains([sender, receiver]) else {
            self.blockedDatagrams += 1
            return []
        }
        guard !self.isPerfect else { return [delays[0]] }
        guard fate >= self.profile.loss else {
            self.lostCount += 1
            return []
        }
        guard copy < self.profile.duplication else { return [delays[0]] }
        self.doubledCount += 1
        return delays
    }

    /// After how long a message of a stream arrives; `nil` when there is no stream.
    mutating func stream(from sender: Int, to receiver: Int) -> Duration? {
        let fate = self.generator.nextUnit()
        let delay = self.delay() * 3
        guard self.passes(from: sender, to: receiver), self.passes(from: receiver, to: sender)
        else { return nil }
        guard !self.withoutStreams.contains([sender, receiver]) else {
            self.blockedStreams += 1
            return nil
        }
        return self.isPerfect || fate >= self.profile.loss / 2 ? delay : nil
    }

    private func passes(from sender: Int, to receiver: Int) -> Bool {
        guard let cut = self.cut else { return true }
        let leaves = cut.group.contains(sender) && !cut.group.contains(receiver)
        let enters = !cut.group.contains(sender) && cut.group.contains(receiver)
        return cut.isOneWay ? !leaves : !(leaves || enters)
    }

    private mutating func delay() -> Duration {
        let range = self.profile.delayMilliseconds
        let span = (range.upperBound - range.lowerBound) * self.generator.nextUnit()
        return .microseconds(Int((range.lowerBound + span) * 1_000))
    }
}
