import MeshPrimitives

/// Loses, doubles, delays and cuts.
struct SimulatedNetwork {
    private let profile: FaultProfile
    private var generator: SeededGenerator
    private var cut: (group: Set<Int>, isOneWay: Bool)?
    private var isPerfect = false

    /// Creates a whole network with the faults of `profile`.
    init(profile: FaultProfile, generator: SeededGenerator) {
        self.profile = profile
        self.generator = generator
    }

    /// Whether no direction is cut.
    var isWhole: Bool { self.cut == nil }

    /// Cuts the network.
    mutating func split(_ group: Set<Int>, isOneWay: Bool) { self.cut = (group, isOneWay) }

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
        guard !self.isPerfect else { return [delays[0]] }
        guard fate >= self.profile.loss else { return [] }
        return copy < self.profile.duplication ? delays : [delays[0]]
    }

    /// After how long a message of a stream arrives; `nil` when there is no stream.
    mutating func stream(from sender: Int, to receiver: Int) -> Duration? {
        let fate = self.generator.nextUnit()
        let delay = self.delay() * 3
        guard self.passes(from: sender, to: receiver), self.passes(from: receiver, to: sender)
        else { return nil }
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
