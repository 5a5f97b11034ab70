public import MeshPrimitives

/// What one node says of another: that it does not answer, is gone, or shall be forgotten.
///
/// Not signed: whoever holds the key ring can make one up in anybody's name. So against a member that is
/// thought alive none is more than a question, and the accused refutes any by a higher incarnation of its
/// own record; and it is about exactly one incarnation, which has to be known. Only who does not know the
/// accused takes it for failed at once on an old verdict, and goes on trying it.
public struct Accusation: Equatable, Sendable {
    /// What is said, the worse last; raw values are the wire form.
    public enum Verdict: UInt8, CaseIterable, Comparable, Sendable {
        /// The accuser's own probe failed.
        case suspect = 1
        /// It did not refute in time.
        case failed = 2
        /// An operator declared a member gone that cannot say goodbye itself.
        case expelled = 3
        /// An operator wants a member that is gone off the list.
        case forgotten = 4

        /// Orders by how much is said.
        public static func < (one: Verdict, other: Verdict) -> Bool {
            one.rawValue < other.rawValue
        }
    }

    /// What the accuser has seen.
    public struct Evidence: Equatable, Sendable {
        /// Members asked to relay a ping, 0 to 255.
        public var relaysAsked: UInt8
        /// Those of them that said that they could not reach it either.
        public var relaysDenied: UInt8
        /// Whether a ping by TCP went unanswered as well.
        public var triedStream: Bool
        /// Whether an operator said it, not a probe.
        public var isByOperator: Bool

        /// Creates evidence.
        public init(
            relaysAsked: UInt8 = 0,
            relaysDenied: UInt8 = 0,
            triedStream: Bool = false,
            isByOperator: Bool = false
        ) {
            self.relaysAsked = relaysAsked
            self.relaysDenied = relaysDenied
            self.triedStream = triedStream
            self.isByOperator = isByOperator
        }
    }

    /// Bytes on the wire, record header included: 57.
    ///
    /// Header 6, subject 16, incarnation 8, verdict 1, accuser 16, evidence 4, age 4; 2 in reserve.
    public static let wireByteCount = 57

    /// Who is accused.
    public var subject: NodeID
    /// The incarnation it is about.
    public var incarnation: UInt64
    /// What is said.
    public var verdict: Verdict
    /// Who says it.
    public var accuser: NodeID
    /// What it has seen.
    public var evidence: Evidence
    /// Seconds since it was said first; it goes on counting at whoever passes it on.
    public var age: UInt32

    /// Creates an accusation.
    public init(
        subject: NodeID,
        incarnation: UInt64,
        verdict: Verdict,
        accuser: NodeID,
        evidence: Evidence = Evidence(),
        age: UInt32 = 0
    ) {
        self.subject = subject
        self.incarnation = incarnation
        self.verdict = verdict
        self.accuser = accuser
        self.evidence = evidence
        self.age = age
    }
}

/// An accusation as this node heard it.
public struct Charge: Equatable, Sendable {
    /// What is said.
    public var accusation: Accusation
    /// When this node heard it, or said it itself.
    public var heard: MonotonicInstant

    /// Creates a charge.
    public init(_ accusation: Accusation, heard: MonotonicInstant) {
        self.accusation = accusation
        self.heard = heard
    }
}
