import MeshPrimitives

/// Whether and when the `config:` file of a node is applied: once, when neither the node nor the mesh
/// has a configuration.
///
///     waiting ──nothing anywhere, and the mesh was given its time──> applying ──> over
///        └─────────── somebody has a configuration ──────────────────────────────> over
///
/// With seeds the mesh is asked first: until it was joined and had time to send what it holds, or
/// until the seeds were given up.
public struct FirstFile: Sendable {
    /// How long the mesh is waited for.
    public struct Patience: Equatable, Sendable {
        /// For a seed to answer: 10 s.
        public var join = Duration.seconds(10)
        /// For a configuration after that: 3 s.
        public var exchange = Duration.seconds(3)
        /// Before a failed write is tried again: 5 s.
        public var retry = Duration.seconds(5)

        /// Creates the defaults.
        public init() {}
    }

    /// What the node was given.
    public enum Content: Equatable, Sendable {
        /// No file, or none that can be used.
        case none
        /// One that is being read.
        case unread
        /// A usable one, by the fingerprint of its entities.
        case usable(fingerprint: UInt64)
    }

    private enum State: Equatable {
        case waiting
        case applying
        case over
    }

    private(set) var content: Content
    private let patience: Patience
    private var state: State
    /// Until then somebody may still send a configuration; `nil` when nobody can.
    private var mayArriveUntil: MonotonicInstant?
    private(set) var hasJoined = false

    init(_ content: Content, hasSeeds: Bool, patience: Patience, at now: MonotonicInstant) {
        self.content = content
        self.patience = patience
        self.mayArriveUntil = hasSeeds ? now.advanced(by: patience.join) : nil
        self.state = content == .none ? .over : .waiting
    }

    /// Whether it is still to be applied, or is being applied.
    var isOpen: Bool { self.state != .over }

    /// Whether a configuration of the mesh may still be on its way.
    func mayArrive(at now: MonotonicInstant) -> Bool {
        self.mayArriveUntil.map { now < $0 } ?? false
    }

    /// The file was read.
    mutating func read(fingerprint: UInt64) { self.content = .usable(fingerprint: fingerprint) }

    /// When ``mayArrive(at:)`` becomes false by time alone; `nil` when it is.
    func graceEnd(after now: MonotonicInstant) -> MonotonicInstant? {
        self.mayArriveUntil.flatMap { now < $0 ? $0 : nil }
    }

    /// A seed has answered.
    mutating func join(at now: MonotonicInstant) {
        guard !self.hasJoined else { return }
        self.hasJoined = true
        self.mayArriveUntil = now.advanced(by: self.patience.exchange)
    }

    /// There is a configuration: the file is not for this start.
    mutating func end() { self.state = .over }

    /// Whether it shall be applied now, given that the node holds nothing; says so once.
    mutating func isDue(at now: MonotonicInstant) -> Bool {
        guard self.state == .waiting, case .usable = self.content, !self.mayArrive(at: now) else {
            return false
        }
        self.state = .applying
        return true
    }

    /// The write failed; it is due again after a while.
    mutating func fail(at now: MonotonicInstant) {
        guard self.state == .applying else { return }
        self.state = .waiting
        self.mayArriveUntil = now.advanced(by: self.patience.retry)
    }
}
