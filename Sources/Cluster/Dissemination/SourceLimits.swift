public import MeshPrimitives

/// How many bytes of datagrams are taken from each source: a bucket each.
///
/// A member is known by who sealed the datagram, and is charged for what opened alone, so that nobody who
/// only sends from its address can use its share up. Everything else is charged to the address that it
/// came from, of IPv6 to its network of 64 bits; of one that has used its share up, nothing is opened
/// unless a member is reached there.
///
/// All members together fit; of others so many are told apart, those that were quiet make room first,
/// and who finds no room shares one of many buckets, chosen by its address and a secret: whoever forges
/// addresses must fill all of them to keep one newcomer out.
public struct SourceLimits: Sendable {
    /// Bytes per second from one member: 1,048,576, four times as much at once.
    ///
    /// A member sends less to everybody: membership 65,536, observations 16,384, and counters about
    /// 660,000 when all ticks are full.
    public static let memberRate = 1_048_576
    /// Bytes per second from one address of no member: 65,536, four times as much at once.
    ///
    /// Enough for a hundred nodes of one machine that all join within a second.
    public static let strangerRate = 65_536
    /// Members that are told apart: 16,384, as many as there can be.
    public static let memberLimit = 16_384
    /// Addresses of others that are told apart: 1,024.
    public static let strangerLimit = 1_024

    /// Buckets that addresses of others share for which there is no room: 256.
    public static let sharedCount = 256

    private static let burst = 4

    private struct Buckets<Source: Hashable & Sendable>: Sendable {
        let limit: Int
        let rate: Int
        var buckets: [Source: ByteBudget] = [:]
        var shared: [ByteBudget]
        /// When room was last looked for.
        var clearedAt: MonotonicInstant?

        init(limit: Int, rate: Int, shared: Int) {
            self.limit = limit
            self.rate = rate
            self.shared = Array(repeating: Self.bucket(rate), count: shared)
        }

        static func bucket(_ rate: Int) -> ByteBudget {
            ByteBudget(rate: rate, burst: SourceLimits.burst * rate)
        }

        mutating func admits(
            _ byteCount: Int,
            from source: Source,
            sharing share: Int = 0,
            at now: MonotonicInstant
        ) -> Bool {
            if self.buckets[source] == nil {
                if self.buckets.count >= self.limit { self.clear(at: now) }
                guard self.buckets.count < self.limit else {
                    return Self.charge(&self.shared[share], byteCount, at: now)
                }
            }
            return Self.charge(
                &self.buckets[source, default: Self.bucket(self.rate)],
                byteCount,
                at: now
            )
        }

        mutating func hasRoom(
            for source: Source,
            sharing share: Int,
            at now: MonotonicInstant
        ) -> Bool {
            if var bucket = self.buckets[source] { return bucket.available(at: now) > 0 }
            return self.buckets.count < self.limit || self.shared[share].available(at: now) > 0
        }

        private static func charge(
            _ bucket: inout ByteBudget,
            _ byteCount: Int,
            at now: MonotonicInstant
        ) -> Bool {
            guard bucket.available(at: now) > 0 else { return false }
            bucket.spend(byteCount, at: now)
            return true
        }

        /// Forgets who has not sent for as long as its bucket takes to fill; once a second.
        private mutating func clear(at now: MonotonicInstant) {
            guard self.clearedAt.map({ $0.duration(to: now) >= .seconds(1) }) ?? true else {
                return
            }
            self.clearedAt = now
            let full = SourceLimits.burst * self.rate
            self.buckets = self.buckets.filter { entry in
                var bucket = entry.value
                return bucket.available(at: now) < full
            }
        }
    }

    private var members: Buckets<NodeID>
    private var strangers: Buckets<IPAddress>
    private let secret: UInt64

    /// Creates limits under which nobody has sent anything.
    ///
    /// - Parameter secret: what nobody else knows, so that nobody can tell who shares a bucket.
    public init(secret: UInt64) {
        self.init(
            memberLimit: Self.memberLimit,
            strangerLimit: Self.strangerLimit,
            secret: secret
        )
    }

    init(memberLimit: Int, strangerLimit: Int, secret: UInt64) {
        self.members = Buckets(limit: memberLimit, rate: Self.memberRate, shared: 1)
        self.strangers = Buckets(
            limit: strangerLimit,
            rate: Self.strangerRate,
            shared: Self.sharedCount
        )
        self.secret = secret
    }

    /// Whether a datagram of a member that opened is taken; counts its bytes if so.
    public mutating func admits(
        _ byteCount: Int,
        of member: NodeID,
        at now: MonotonicInstant
    ) -> Bool {
        self.members.admits(byteCount, from: member, at: now)
    }

    /// Whether an address of no member may have something opened; counts nothing.
    public mutating func mayOpen(from source: IPAddress, at now: MonotonicInstant) -> Bool {
        self.strangers.hasRoom(
            for: source.network,
            sharing: self.share(of: source),
            at: now
        )
    }

    /// Whether an address may send what is no member's; counts its bytes if so.
    public mutating func admits(
        _ byteCount: Int,
        ofStrangerAt source: IPAddress,
        at now: MonotonicInstant
    ) -> Bool {
        self.strangers.admits(
            byteCount,
            from: source.network,
            sharing: self.share(of: source),
            at: now
        )
    }

    /// Sources that are told apart now.
    public var count: Int { self.members.buckets.count + self.strangers.buckets.count }

    /// Which shared bucket an address has; one for each network of IPv6.
    private func share(of source: IPAddress) -> Int {
        let network =
            switch source.network {
            case .v4(let address): UInt64(address)
            case .v6(let high, _): high
            }
        let once = SeededGenerator.mix(network ^ self.secret)
        let scattered = SeededGenerator.mix(once ^ self.secret)
        return Int(truncatingIfNeeded: scattered % UInt64(Self.sharedCount))
    }
}
