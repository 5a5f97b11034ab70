public import MeshPrimitives

/// One start of a node: tells two processes with one identity apart, and a restart from both.
public struct MemberStart: Hashable, Sendable {
    /// Bits of an incarnation that one start may use up before it runs into the next one's: 20.
    static let incarnationBits: UInt64 = 20
    /// The highest boot number: its incarnations stay below ``MemberRecord/incarnationLimit``.
    public static let bootLimit = (UInt64(1) << 42) - 1

    /// Higher at every start of one store.
    public let boot: UInt64
    /// Drawn at random at every start, so that a copied or restored store repeats no start.
    public let token: UInt64

    /// Creates a start; a boot number beyond the limit is taken for the limit.
    public init(boot: UInt64, token: UInt64) {
        self.boot = min(boot, Self.bootLimit)
        self.token = token
    }

    /// The first incarnation of the start: above all that earlier starts have used.
    public var firstIncarnation: UInt64 { self.boot << Self.incarnationBits }

    /// The boot number whose range an incarnation lies in.
    public static func boot(of incarnation: UInt64) -> UInt64 {
        incarnation >> self.incarnationBits
    }
}

/// What a member says of itself at one incarnation; only its own key can say it.
public struct MemberRecord: Equatable, Sendable {
    /// The highest incarnation a node believes; above it, refuting could not count further.
    public static let incarnationLimit = UInt64(1) << 62
    /// Bytes of a public key: 32.
    public static let keyByteCount = 32

    /// Names, place and versions; ``MemberProfile/id`` is the hash of ``key``.
    public var profile: MemberProfile
    /// The member's public key, Ed25519.
    public var key: [UInt8]
    /// Which of its starts speaks.
    public var start: MemberStart
    /// Which mesh it belongs to; nobody of another one believes the record.
    public var mesh: MeshID
    /// The member's version of itself; it raises this to refute what others say.
    public var incarnation: UInt64
    /// Whether it says goodbye.
    public var hasLeft: Bool
    /// Whether it says that it is hard to reach, and wants to be taken for failed until it takes that
    /// back.
    public var isWithdrawn: Bool
    /// Whether it takes traffic.
    public var mode: NodeMode
    /// Which keys of the ring it holds.
    public var ring: RingInventory

    /// Creates a record.
    public init(
        profile: MemberProfile,
        key: [UInt8],
        start: MemberStart,
        mesh: MeshID,
        incarnation: UInt64,
        hasLeft: Bool = false,
        isWithdrawn: Bool = false,
        mode: NodeMode = .normal,
        ring: RingInventory = .none
    ) {
        self.profile = profile
        self.key = key
        self.start = start
        self.mesh = mesh
        self.incarnation = incarnation
        self.hasLeft = hasLeft
        self.isWithdrawn = isWithdrawn
        self.mode = mode
        self.ring = ring
    }

    /// Whether the record comes in place of `other` of the same member.
    ///
    /// At equal incarnation a goodbye does; and of two starts, which only two processes with one
    /// identity can have, the later one, so that all views end at one of them.
    func isNewer(than other: MemberRecord) -> Bool {
        guard self.incarnation == other.incarnation else {
            return self.incarnation > other.incarnation
        }
        guard self.start == other.start else {
            return (self.start.boot, self.start.token) > (other.start.boot, other.start.token)
        }
        return self.hasLeft && !other.hasLeft
    }

    /// How the member stands by its own word.
    var state: MemberState {
        if self.hasLeft { return .left }
        return self.isWithdrawn ? .failed : .alive
    }

    /// Whether a node may believe the record at all.
    public var isWithinLimits: Bool {
        self.incarnation <= Self.incarnationLimit && self.profile.isWithinLimits
            && self.key.count == Self.keyByteCount
    }
}
