public import MeshPrimitives

/// What a node says of itself besides its membership, where its mode is; only the node itself changes it.
///
/// Not signed: whoever holds the key ring can say it in the node's name, until the node says it again.
public struct NodeState: Hashable, Sendable {
    /// The longest ``rejection``, in UTF-8 bytes: 256; the rest is cut.
    public static let rejectionByteLimit = 256
    /// The longest ``adminAddress``, in UTF-8 bytes: 128; the rest is cut.
    public static let addressByteLimit = 128

    /// The generation of the configuration it routes by.
    public var generation: UInt64 = 0
    /// The hash of the configuration it routes by.
    public var configurationHash = ContentHash.zero
    /// When it began to route by it, wall-clock milliseconds; shown, never compared.
    public var configurationSince: UInt64 = 0
    /// The highest generation of which all that the node holds is on its disk.
    public var durableGeneration: UInt64 = 0
    /// When it started, wall-clock milliseconds; shown, never compared.
    public var startedAt: UInt64 = 0
    /// Why it keeps an older configuration than it holds; empty otherwise.
    public var rejection = "" {
        didSet { self.rejection = self.rejection.cut(toByteCount: Self.rejectionByteLimit) }
    }
    /// Where its Admin API listens.
    public var adminAddress = "" {
        didSet { self.adminAddress = self.adminAddress.cut(toByteCount: Self.addressByteLimit) }
    }

    /// Creates the state of a node that has just started.
    public init() {}

    /// Most bytes on the wire: reserved 1, hash 16, two times 8, two generations, two texts.
    public var wireByteCount: Int {
        33 + Varint.byteCount(of: self.generation) + Varint.byteCount(of: self.durableGeneration)
            + 4 + self.rejection.utf8.count + self.adminAddress.utf8.count
    }
}

/// How busy a node is.
public struct NodeLoad: Hashable, Sendable {
    /// Requests that count at most: 16,777,215; sums over a fleet cannot overflow.
    public static let inFlightLimit = (1 << 24) - 1

    /// The share of its processor time in use, in thousandths, 0 to 1,000.
    public let permille: UInt16
    /// Requests in flight, 0 to ``inFlightLimit``.
    public let inFlight: Int

    /// Bytes on the wire: share 2, requests 3.
    public static let wireByteCount = 5

    /// Creates a load; both values are clamped to their ranges.
    public init(permille: UInt16, inFlight: Int) {
        self.permille = min(1_000, permille)
        self.inFlight = min(Self.inFlightLimit, max(0, inFlight))
    }

    /// Creates a load from a share of 0 to 1; anything else, also not a number, is clamped.
    public init(share: Double, inFlight: Int) {
        let thousandths = share.isFinite ? max(0, min(1, share)) * 1_000 : 0
        self.init(permille: UInt16(thousandths.rounded()), inFlight: inFlight)
    }

    /// A node that does nothing.
    public static let idle = NodeLoad(permille: 0, inFlight: 0)

    /// The share of its processor time in use, 0 to 1.
    public var share: Double { Double(self.permille) / 1_000 }
}

extension String {
    /// The longest start of whole characters that fits so many UTF-8 bytes.
    func cut(toByteCount limit: Int) -> String {
        guard self.utf8.count > limit else { return self }
        var text = self
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}

/// Sizes of numbers that take as many bytes as they need, seven bits each.
public enum Varint {
    /// Bytes that a number takes: 1 to 10.
    public static func byteCount(of value: UInt64) -> Int {
        max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7)
    }
}
