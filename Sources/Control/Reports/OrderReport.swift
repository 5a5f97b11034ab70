/// What is wanted of a region, and what it means for the asked node's traffic.
public struct RegionOrderReport: Codable, Equatable, Sendable {
    /// What may be wanted of a region.
    public enum Order: String, Codable, CaseIterable, Sendable {
        /// Its traffic leaves by a tenth every second.
        case drain
        /// Its traffic leaves at once.
        case failover
        /// It gets no traffic back by itself.
        case hold
        /// It gets its traffic back without waiting for the end of its hold.
        case failback
        /// Nothing; what was wanted is taken back.
        case undrain
    }

    /// One region's share of one upstream's requests, before and after.
    public struct Shift: Codable, Equatable, Sendable {
        /// The upstream's name.
        public var upstream: String
        /// The region; empty for failover targets.
        public var region: String
        /// Its share of the asked node's requests now, 0 to 1.
        public var before: Double
        /// Its share when the order has taken full effect.
        public var after: Double
        /// The part of its capacity that is in use, 0 to 1.
        public var capacity: Double
        /// Requests of the asked node in flight there now.
        public var inFlight: UInt64
        /// Requests that would be in flight there.
        public var inFlightAfter: UInt64
        /// The part of what the asked node may have in flight at the targets in use there that would
        /// be, 1 and above for too much; `nil` for an upstream without a fixed limit.
        @Nullable public var utilisation: Double? = nil

        /// Creates a shift.
        public init(upstream: String, region: String) {
            self.upstream = upstream
            self.region = region
            self.before = 0
            self.after = 0
            self.capacity = 0
            self.inFlight = 0
            self.inFlightAfter = 0
        }
    }

    /// The region.
    public var region: String
    /// What is wanted of it.
    public var order: Order
    /// When the order ends by itself, RFC 3339 in UTC; `nil` for one that takes orders back.
    @Nullable public var until: String? = nil
    /// Whether nothing was done.
    public var isDryRun: Bool
    /// What it means for every upstream with targets there.
    public var shifts: [Shift]
    /// Why it is refused without `force`; `nil` when it is not.
    @Nullable public var refusal: String? = nil

    /// Creates a report.
    public init(
        region: String,
        order: Order,
        until: String?,
        isDryRun: Bool,
        shifts: [Shift]
    ) {
        self.region = region
        self.order = order
        self.isDryRun = isDryRun
        self.shifts = shifts
        self.until = until
    }
}

/// What is wanted of a target from now on, at every node.
public struct TargetOrderReport: Codable, Equatable, Sendable {
    /// What may be wanted of a target.
    public enum Order: String, Codable, CaseIterable, Sendable {
        /// Nothing new goes there.
        case drain
        /// Nothing goes there.
        case disable
        /// It is used again.
        case enable
    }

    /// The upstream's name.
    public var upstream: String
    /// `host:port` as configured.
    public var target: String
    /// What is wanted.
    public var order: Order

    /// Creates a report.
    public init(upstream: String, target: String, order: Order) {
        self.upstream = upstream
        self.target = target
        self.order = order
    }
}
