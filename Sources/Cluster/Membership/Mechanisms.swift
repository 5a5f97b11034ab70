/// Refinements of SWIM, each of which can be turned off to measure what it is worth.
public struct Mechanisms: OptionSet, Hashable, Sendable {
    /// One bit per refinement.
    public let rawValue: UInt16

    /// Creates a set from its bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A node's own bad health stretches its intervals and timeouts: Lifeguard's LHA-Probe.
    public static let localHealth = Mechanisms(rawValue: 1)
    /// Confirmations shorten a long suspicion: Lifeguard's LHA-Suspicion; else it is the shortest.
    public static let dynamicSuspicion = Mechanisms(rawValue: 2)
    /// A suspect is told first by whoever pings it: Lifeguard's buddy system.
    public static let buddy = Mechanisms(rawValue: 4)
    /// The shortest suspicion does not grow with the fleet; else with `log10(n)`.
    public static let flatSuspicion = Mechanisms(rawValue: 8)
    /// Every other probe goes to the neighbour on the ring of identities.
    public static let neighbours = Mechanisms(rawValue: 16)
    /// Several probes at a time, more while probes fail, and a look at whom others suspect.
    public static let concurrentProbes = Mechanisms(rawValue: 32)
    /// A node most of whose probes fail holds its suspicions back.
    public static let isolation = Mechanisms(rawValue: 64)
    /// A node that was not scheduled gives everybody the time back.
    public static let forgiveness = Mechanisms(rawValue: 128)
    /// Others' verdict on a member that was thought alive is a suspicion first.
    public static let questionedVerdicts = Mechanisms(rawValue: 256)

    /// A node that its own pings show to be hard to reach withdraws until it is well again.
    public static let withdrawal = Mechanisms(rawValue: 512)

    /// Everything, as nodes run.
    public static let all = Mechanisms(rawValue: 1_023)
    /// The three of Lifeguard over plain SWIM with suspicion.
    public static let lifeguard: Mechanisms = [.localHealth, .dynamicSuspicion, .buddy]
}
