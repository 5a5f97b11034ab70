public import MeshPrimitives

/// How many bytes of datagrams are taken from each source: a bucket each.
///
/// A member is known by who sealed the datagram, and is charged for what opened alone, so that nobody who
/// only sends from its address can use its share up. Everything else is charged to the address that it
/// came from; of an address that has used its share up, nothing is opened unless a member is reached
/// there.
///
/// All members together fit; of others so many are told apart, those that were quiet make room first,
/// and who finds no room shares one bucket with all who found none.
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

    private static let burst = 4

    private struct Buckets<Source: Hashable & Sendable>: Sendable {
        let limit: Int
        let rate: Int
        var buckets: [Source: ByteBudget] = [:]
        var shared: ByteBudget
        /// When room was last looked for.
        var clearedAt: MonotonicInstant?

        init(limit: Int, rate: Int) {
            self.limit = limit
            self.rate = rate
            self.shared = Self.bucket(rate)
        }

        static func bucket(_ rate: Int) -> ByteBudget {
            ByteBudget(rate: rate, burst: SourceLimits.burst * rate)
        }

        mutating func admits(
            _ byteCount: Int,
            from source: Source,
            at now: MonotonicInstant
        ) -> Bool {
            if self.buckets[source] == nil {
                if self.buckets.count >= self.limit { self.clear(at: now) }
                guard self.buckets.count < self.limit else {
                    return Self.charge(&self.shared, byteCount, at: now)
                }
            }
            return Self.charge(
                &self.buckets[source, default: Self.bucket(self.rate)],
                byteCount,
                at: now
            )
        }

        mutating func hasRoom(for source: Source, at now: MonotonicInstant) -> Bool {
            if var bucket = self.buckets[source] { return bucket.available(at: now) > 0 }
            return self.buckets.count < self.limit || self.shared.available(at: now) > 0
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

    /// Creates limits under which nobody has sent anything.
    public init() {
        self.init(memberLimit: Self.memberLimit, strangerLimit: Self.strangerLimit)
    }

    init(memberLimit: Int, strangerLimit: Int) {
        self.members = Buckets(limit: memberLimit, rate: Self.memberRate)
        self.strangers = Buckets(limit: strangerLimit, rate: Self.strangerRate)
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
        self.strangers.hasRoom(for: source, at: now)
    }

    /// Whether an address may send what is no member's; counts its bytes if so.
    public mutating func admits(
        _ byteCount: Int,
        ofStrangerAt source: IPAddress,
        at now: MonotonicInstant
    ) -> Bool {
        self.strangers.admits(byteCount, from: source, at: now)
    }

    /// Sources that are told apart now.
    public var count: Int { self.members.buckets.count + self.strangers.buckets.count }
}
