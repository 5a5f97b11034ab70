internal import MeshEntities
internal import MeshPrimitives

/// Finds the upstream of every service, its targets' addresses, and their order of preference.
struct UpstreamLayout {
    private(set) var upstreams: [SnapshotUpstream] = []
    private(set) var indexByService: [EntityID: Int] = [:]

    private let addresses: HostAddresses
    private let localRegion: String

    init(_ configuration: GatewayConfiguration, _ addresses: HostAddresses, _ localRegion: String) {
        self.addresses = addresses
        self.localRegion = localRegion
        var indexByName: [String: Int] = [:]
        for upstream in configuration.upstreams {
            indexByName[upstream.name] = self.upstreams.count
            self.upstreams.append(self.named(upstream, configuration.targets(of: upstream.id)))
        }
        for service in configuration.services {
            if let index = indexByName[service.host] {
                self.indexByService[service.id] = index
            } else {
                self.indexByService[service.id] = self.upstreams.count
                self.upstreams.append(self.implicit(service))
            }
        }
    }

    private func named(_ upstream: Upstream, _ targets: [Target]) -> SnapshotUpstream {
        let groups = self.groups(upstream, targets)
        let failoverGroup = groups.count - 1
        let found = targets.flatMap { target in
            self.addresses[target.host].map { address in
                let endpoint = Endpoint(
                    address: address,
                    port: UInt16(clamping: target.port)
                )
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
                    weight: target.weight,
                    region: target.region,
                    zone: target.zone,
                    group: target.failover
                        ? failoverGroup : (groups.firstIndex(of: region) ?? 0),
                    tags: target.tags,
                    hostHeader: upstream.hostHeader ?? Self.host(target.host, target.port)
                )
            }
        }
        return SnapshotUpstream(
            name: upstream.name,
            settings: upstream,
            targets: found,
            groups: groups
        )
    }

    /// The node's own region, then the upstream's order, then the rest by name, then failover.
    private func groups(_ upstream: Upstream, _ targets: [Target]) -> [String?] {
        let used = Set(targets.filter { !$0.failover }.compactMap(\.region))
        var groups: [String?] = [self.localRegion]
        for region in upstream.regions.order + used.sorted()
        where used.contains(region) && !groups.contains(region) {
            groups.append(region)
        }
        return groups + (targets.contains(where: \.failover) ? [nil] : [])
    }

    /// A service whose host names no upstream: its host's addresses, all alike, unchecked.
    private func implicit(_ service: Service) -> SnapshotUpstream {
        let name = service.id.description
        let target = "\(service.host):\(service.port)"
        let found = self.addresses[service.host].map { address in
            let endpoint = Endpoint(address: address, port: UInt16(clamping: service.port))
            return SnapshotTarget(
                id: TargetID(upstream: name, target: target, endpoint: endpoint),
                upstream: name,
                target: target,
                endpoint: endpoint,
                weight: 100,
                region: nil,
                zone: nil,
                group: 0,
                tags: [],
                hostHeader: Self.host(service.host, service.port)
            )
        }
        return SnapshotUpstream(
            name: name,
            settings: nil,
            targets: found,
            groups: [self.localRegion]
        )
    }

    /// Kong's `Host`: without the port when it is the protocol's default.
    private static func host(_ host: String, _ port: Int) -> String {
        let text = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        return port == 80 ? text : "\(text):\(port)"
    }
}
