internal import MeshBalancing
public import MeshEntities
public import MeshPrimitives

/// Tells by its identity whether snapshots have the same upstreams.
public final class UpstreamsMark: Sendable {}

/// An upstream as a snapshot uses it: what health checking needs to know.
///
/// One that has not changed is the same object in every snapshot.
public final class SnapshotUpstream: Sendable {
    /// The upstream's name; the service's host and id for a service whose host names no upstream.
    public let name: String
    /// The entity; `nil` for a service whose host names no upstream, which has no health checks.
    public let settings: Upstream?
    /// Every address of every target, targets of weight 0 included.
    public let targets: [SnapshotTarget]
    /// The region that each group stands for, the preferred one first; failover targets come last,
    /// with the region `nil`.
    public let groups: [String?]

    init(name: String, settings: Upstream?, targets: [SnapshotTarget], groups: [String?]) {
        self.name = name
        self.settings = settings
        self.targets = targets
        self.groups = groups
    }

    /// The groups that may get traffic: with `spill: off` the first that has a target, and failover
    /// targets; else all.
    public var usableGroups: Set<Int> {
        let all = Set(self.groups.indices)
        guard self.settings?.regions.spill == .off else { return all }
        let used = self.targets.filter { $0.weight > 0 && self.groups[$0.group] != nil }
        let home = used.map(\.group).min() ?? 0
        return all.filter { $0 == home || self.groups[$0] == nil }
    }
}

extension SnapshotUpstream: Equatable {
    /// Whether both say the same; objects are told apart by `===`.
    public static func == (left: SnapshotUpstream, right: SnapshotUpstream) -> Bool {
        left === right
            || (left.name == right.name && left.settings == right.settings
                && left.targets == right.targets && left.groups == right.groups)
    }
}

/// One address of one target.
public struct SnapshotTarget: Equatable, Sendable {
    /// The number that observations and factors name it by.
    public let id: TargetID
    /// Name of the upstream.
    public let upstream: String
    /// `host:port` as configured.
    public let target: String
    /// The resolved address.
    public let endpoint: Endpoint
    /// Share of the traffic; 0 takes none.
    public let weight: Int
    /// The region it is tagged with.
    public let region: String?
    /// The zone it is tagged with.
    public let zone: String?
    /// Place in the order of preference; 0 is best.
    public let group: Int
    /// Labels.
    public let tags: [String]
    /// `Host` that a request to it carries, unless the route preserves the client's.
    public let hostHeader: String
    /// The same for services that use TLS, whose default port is 443.
    public let secureHostHeader: String
}

/// A configuration that could not become a snapshot.
public indirect enum SnapshotError: Error, Equatable, Sendable {
    /// The router could not be built.
    case routing(String)
    /// A plugin's settings are not usable.
    case plugin(String)
    /// A certificate cannot be used.
    case tls(String)
    /// A secret is not where the configuration says.
    case secret(String)
    /// An upstream has more addresses than a balancer takes.
    case tooManyTargets(upstream: String, count: Int)
}

extension SnapshotError: CustomStringConvertible {
    /// What the part that failed said.
    public var description: String {
        switch self {
        case .routing(let text), .plugin(let text), .tls(let text), .secret(let text): text
        case .tooManyTargets(let upstream, let count):
            "upstream '\(upstream)' has \(count) addresses, but at most "
                + "\(BalancerPlan.maximumTargets) are possible; split it into several upstreams"
        }
    }
}

/// How much of its weight a target gets.
public struct TargetFactor: Equatable, Sendable {
    /// The address.
    public var id: TargetID
    /// 0 excludes it, 1 is its full weight; below 0 it gets nothing even when nothing else is left.
    public var factor: Float

    /// Creates a factor.
    public init(id: TargetID, factor: Float) {
        self.id = id
        self.factor = factor
    }
}

/// How an upstream's requests are shared out over its groups.
public struct GroupShares: Equatable, Sendable {
    /// Name of the upstream, as in ``SnapshotUpstream/name``.
    public var upstream: String
    /// By group: thousandths of the requests that begin there.
    public var shares: [UInt16]
    /// Groups that take what the others have no room for.
    public var open: Set<Int>

    /// Creates shares.
    public init(upstream: String, shares: [UInt16], open: Set<Int> = []) {
        self.upstream = upstream
        self.shares = shares
        self.open = open
    }
}
