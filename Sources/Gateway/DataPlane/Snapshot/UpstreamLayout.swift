internal import MeshEntities
internal import MeshPrimitives

/// Finds the upstream of every service, its targets' addresses, and their order of preference.
struct UpstreamLayout {
    private(set) var upstreams: [SnapshotUpstream] = []
    /// By upstream: how services speak to it; at least one way.
    private(set) var identities: [[HopIdentity]] = []
    private(set) var hops: [EntityID: Hop] = [:]
    private(set) var mark = UpstreamsMark()

    /// Where a service's requests go, and how.
    struct Hop {
        let upstream: UpstreamIndex
        /// Place among the upstream's ways.
        let identity: Int
    }

    /// What it was made of, to see what a later one can take over.
    private let configuration: GatewayConfiguration
    private let addresses: HostAddresses
    private let localRegion: String
    /// By upstream: its targets.
    private var targets: [EntityID: [Target]] = [:]
    /// By name.
    private var places: [String: Int] = [:]
    /// By service whose host names no upstream.
    private var implicits: [EntityID: Implicit] = [:]

    private struct Implicit {
        let host: String
        let port: Int
        let upstream: SnapshotUpstream
    }

    /// Lays out a configuration; upstreams that are as they were in `previous` are taken from it.
    init(
        _ configuration: GatewayConfiguration,
        _ addresses: HostAddresses,
        _ localRegion: String,
        _ previous: UpstreamLayout? = nil
    ) {
        self.configuration = configuration
        self.addresses = addresses
        self.localRegion = localRegion
        let known = previous.flatMap { $0.localRegion == localRegion ? $0 : nil }
        let changed = known.map { $0.addresses.hosts(differingFrom: addresses) } ?? []
        if let known, changed.isEmpty, known.isSame(configuration) {
            self.upstreams = known.upstreams
            self.identities = known.identities
            self.hops = known.hops
            self.targets = known.targets
            self.places = known.places
            self.implicits = known.implicits
            self.mark = known.mark
            return
        }
        if let known, known.configuration.targets == configuration.targets {
            self.targets = known.targets
        } else {
            self.targets = Dictionary(grouping: configuration.targets, by: \.upstream)
        }
        for upstream in configuration.upstreams {
            let targets = self.targets[upstream.id] ?? []
            self.places[upstream.name] = self.upstreams.count
            self.identities.append([])
            if let known, let same = known.upstream(upstream, targets, unless: changed) {
                self.upstreams.append(same)
            } else {
                self.upstreams.append(self.named(upstream, targets))
            }
        }
        for service in configuration.services {
            let index: Int
            if let known = self.places[service.host] {
                index = known
            } else {
                index = self.upstreams.count
                let same = known?.implicit(service, unless: changed)
                let upstream = same ?? self.implicit(service)
                self.implicits[service.id] = Implicit(
                    host: service.host,
                    port: service.port,
                    upstream: upstream
                )
                self.upstreams.append(upstream)
                self.identities.append([])
            }
            self.hops[service.id] = self.hop(service, index)
        }
        for index in self.identities.indices where self.identities[index].isEmpty {
            self.identities[index] = [.plain]
        }
    }

    /// Whether a configuration is laid out the same, for the same addresses.
    private func isSame(_ configuration: GatewayConfiguration) -> Bool {
        self.configuration.targets == configuration.targets
            && self.configuration.upstreams == configuration.upstreams
            && self.configuration.services == configuration.services
    }

    /// An upstream that still is as it is here.
    private func upstream(
        _ upstream: Upstream,
        _ targets: [Target],
        unless changed: Set<String>
    ) -> SnapshotUpstream? {
        guard let place = self.places[upstream.name], self.upstreams[place].settings == upstream,
            self.targets[upstream.id] ?? [] == targets,
            changed.isEmpty || !targets.contains(where: { changed.contains($0.host.lowercased()) })
        else { return nil }
        return self.upstreams[place]
    }

    /// The upstream of a service whose host names none, that still is as it is here.
    private func implicit(_ service: Service, unless changed: Set<String>) -> SnapshotUpstream? {
        guard let known = self.implicits[service.id], known.host == service.host,
            known.port == service.port, !changed.contains(service.host.lowercased())
        else { return nil }
        return known.upstream
    }

    private mutating func hop(_ service: Service, _ index: Int) -> Hop {
        let identity = HopIdentity(service, upstream: self.upstreams[index].settings)
        let upstream = UpstreamIndex(index)
        if let known = self.identities[index].firstIndex(of: identity) {
            return Hop(upstream: upstream, identity: known)
        }
        self.identities[index].append(identity)
        return Hop(upstream: upstream, identity: self.identities[index].count - 1)
    }

    private func named(_ upstream: Upstream, _ targets: [Target]) -> SnapshotUpstream {
        let groups = self.groups(upstream, targets)
        let failoverGroup = groups.count - 1
        let places = Dictionary(
            groups.enumerated().compactMap { place, region in region.map { ($0, place) } },
            uniquingKeysWith: { first, _ in first }
        )
        var targetsFound: [SnapshotTarget] = []
        targetsFound.reserveCapacity(targets.count)
        for target in targets {
            targetsFound += self.addresses[target.host].lazy.map { found in
                let endpoint = Self.endpoint(found, target.port)
                let name = upstream.useSrvName ? found.service?.name : nil
                let host = name ?? target.host
                // Mostly the very text that is held as the target's name.
                let held = { $0 == target.target ? target.target : $0 }
                let region = target.region ?? self.localRegion
                return SnapshotTarget(
                    id: TargetID(
                        upstream: upstream.name,
                        target: target.target,
                        endpoint: endpoint
                    ),
                    upstream: upstream.name,
                    target: target.target,
                    endpoint: endpoint,
                    weight: target.weight > 0 ? found.service?.weight ?? target.weight : 0,
                    region: target.region,
                    zone: target.zone,
                    group: target.failover
                        ? failoverGroup : (places[region] ?? 0),
                    tags: target.tags,
                    hostHeader: upstream.hostHeader ?? held(Self.host(host, endpoint.port, 80)),
                    secureHostHeader: upstream.hostHeader
                        ?? held(Self.host(host, endpoint.port, 443))
                )
            }
        }
        return SnapshotUpstream(
            name: upstream.name,
            settings: upstream,
            targets: Self.unique(targetsFound),
            groups: groups
        )
    }

    /// The node's own region, then the upstream's order, then the rest by name, then failover.
    private func groups(_ upstream: Upstream, _ targets: [Target]) -> [String?] {
        let used = Set(targets.filter { !$0.failover }.compactMap(\.region))
        var groups: [String?] = [self.localRegion]
        var seen: Set<String> = [self.localRegion]
        for region in upstream.regions.order + used.sorted()
        where used.contains(region) && seen.insert(region).inserted {
            groups.append(region)
        }
        return groups + (targets.contains(where: \.failover) ? [nil] : [])
    }

    /// A service whose host names no upstream: its host's addresses, all alike, unchecked.
    private func implicit(_ service: Service) -> SnapshotUpstream {
        let name = service.id.description
        let target = "\(service.host):\(service.port)"
        let found = self.addresses[service.host].map { found in
            let endpoint = Self.endpoint(found, service.port)
            return SnapshotTarget(
                id: TargetID(upstream: name, target: target, endpoint: endpoint),
                upstream: name,
                target: target,
                endpoint: endpoint,
                weight: found.service?.weight ?? 100,
                region: nil,
                zone: nil,
                group: 0,
                tags: [],
                hostHeader: Self.host(service.host, endpoint.port, 80),
                secureHostHeader: Self.host(service.host, endpoint.port, 443)
            )
        }
        return SnapshotUpstream(
            name: name,
            settings: nil,
            targets: Self.unique(found),
            groups: [self.localRegion]
        )
    }

    /// Where a target is: an SRV record's port stands in place of the configured one.
    private static func endpoint(_ found: HostAddress, _ port: Int) -> Endpoint {
        Endpoint(address: found.address, port: found.service?.port ?? UInt16(clamping: port))
    }

    /// An address that a name has twice is one target.
    private static func unique(_ targets: [SnapshotTarget]) -> [SnapshotTarget] {
        var seen = Set<TargetID>(minimumCapacity: targets.count)
        for target in targets { seen.insert(target.id) }
        if seen.count == targets.count { return targets }
        seen.removeAll(keepingCapacity: true)
        return targets.filter { seen.insert($0.id).inserted }
    }

    /// Kong's `Host`: without the port when it is the protocol's default.
    private static func host(_ host: String, _ port: UInt16, _ standard: UInt16) -> String {
        let text = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        return port == standard ? text : "\(text):\(port)"
    }
}
