public import MeshPrimitives

/// When an upstream's traffic leaves the region that comes first, and how it returns.
public struct RegionPolicy: Equatable, Sendable {
    /// What sends traffic to later regions.
    public enum Spill: String, CaseIterable, Sendable {
        /// Nothing: what the first region cannot serve is not served.
        case off
        /// As much as the first region cannot carry.
        ///
        /// A region carries all while 5 of 7 of its capacity are in use, and less in proportion.
        case load
        /// Only the loss of all of its targets, as with classic backup servers.
        case failure
    }

    /// What sends traffic away.
    ///
    /// Default ``Spill/load``.
    public var spill = Spill.load
    /// How long a region that was lost must hold at least half of its capacity before it gets
    /// traffic again.
    ///
    /// Default 60 s; doubles with every loss within ten minutes of a return, up to 15 min.
    public var hold = Duration.seconds(60)
    /// How long its share then takes from a tenth to the whole.
    ///
    /// Default 100 s, so that cold caches warm; zero returns everything at once.
    public var ramp = Duration.seconds(100)

    /// Creates the defaults, or a policy with its own hold.
    public init(hold: Duration = .seconds(60)) { self.hold = hold }
}

/// What an operator wants of a region for a while.
public struct RegionOrder: Equatable, Sendable {
    /// What shall happen.
    public enum Kind: String, CaseIterable, Sendable {
        /// Its traffic leaves by a tenth every second.
        case drain
        /// Its traffic leaves at once.
        case failover
        /// It gets no traffic back by itself, and a return that runs stops where it is.
        case hold
        /// It returns without waiting for the end of its hold.
        case failback
    }

    /// What shall happen.
    public let kind: Kind
    /// To which region.
    public let region: String
    /// When it was given, by the fleet's clock.
    public let since: MonotonicInstant
    /// When it ends by itself, by the fleet's clock.
    public let until: MonotonicInstant

    /// Creates an order.
    public init(
        _ kind: Kind,
        of region: String,
        since: MonotonicInstant,
        until: MonotonicInstant
    ) {
        self.kind = kind
        self.region = region
        self.since = since
        self.until = until
    }
}

/// Why a region gets the share of traffic that it gets.
public enum RegionCause: String, Sendable {
    /// It comes first and can carry all, or it comes later and is not needed.
    case usual
    /// No target stands there.
    case absent
    /// None of its targets is in use.
    case lost
    /// A part of its targets is out of use.
    case lowered
    /// It was lost and waits for the end of its hold.
    case holding
    /// Its return was given up, since it did far worse than the region that serves.
    case givenUp = "given-up"
    /// It gets its traffic back little by little.
    case returning
    /// Its return waits, since it does worse than the region that serves, or for an operator.
    case frozen
    /// An operator drains it.
    case drained
    /// An operator has moved its traffic away.
    case failedOver = "failed-over"
    /// No other region is there.
    case onlyOne = "only-one"
    /// No other region may serve.
    case kept
    /// It takes what a better region cannot.
    case spilled
}
