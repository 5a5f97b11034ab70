/// Place of a route among its snapshot's routes.
struct RouteIndex: Hashable, Sendable {
    let rawValue: Int32
    /// Whether it is the place of a route at all.
    @inline(__always)
    var isSome: Bool { self.rawValue >= 0 }
    /// No route.
    static var none: RouteIndex { RouteIndex(rawValue: -1) }

    @inline(__always)
    init(rawValue: Int32) { self.rawValue = rawValue }

    @inline(__always)
    init(_ place: Int) { self.rawValue = Int32(truncatingIfNeeded: place) }
}

/// Place of an upstream among its snapshot's upstreams.
struct UpstreamIndex: Hashable, Sendable {
    let rawValue: Int32
    /// Whether it is the place of an upstream at all.
    @inline(__always)
    var isSome: Bool { self.rawValue >= 0 }
    /// No upstream.
    static var none: UpstreamIndex { UpstreamIndex(rawValue: -1) }

    @inline(__always)
    init(rawValue: Int32) { self.rawValue = rawValue }

    @inline(__always)
    init(_ place: Int) { self.rawValue = Int32(truncatingIfNeeded: place) }
}

/// Place of a target among its upstream's targets in one snapshot.
struct TargetIndex: Hashable, Sendable {
    let rawValue: Int32
    /// Whether it is the place of a target at all.
    @inline(__always)
    var isSome: Bool { self.rawValue >= 0 }
    /// No target.
    static var none: TargetIndex { TargetIndex(rawValue: -1) }

    @inline(__always)
    init(rawValue: Int32) { self.rawValue = rawValue }

    @inline(__always)
    init(_ place: Int) { self.rawValue = Int32(truncatingIfNeeded: place) }
}
