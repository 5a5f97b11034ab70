public import Logging
import MeshAdmin
import MeshDataPlane
import MeshHealth
import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshResolver
import MeshStorage
import MeshTransport
public import MeshWire
import ServiceLifecycle
import UnixSignals

/// One whole node: data plane, cluster, control side, and the order they start and stop in.
///
/// Start: the store is opened, workers listen with an empty snapshot, gossip binds and joins, the
/// last configuration is built from disk, the Admin API answers. Stop: readiness says 503, workers
/// finish what is in flight, the node says goodbye, the rest ends.
public struct GatewayNode: Sendable {
    private let settings: NodeSettings
    private let keyRing: KeyRing
    private let hostName: String
    private let logger: Logger

    /// Creates a node that does nothing yet.
    ///
    /// - Parameters:
    ///   - settings: validated settings.
    ///   - keyRing: the mesh's secrets.
    ///   - hostName: the machine's name.
    ///   - logger: where the node tells what it does.
    public init(settings: NodeSettings, keyRing: KeyRing, hostName: String, logger: Logger) {
        self.settings = settings
        self.keyRing = keyRing
        self.hostName = hostName
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT, then drains and leaves.
    ///
    /// - Parameter firstConfiguration: a declarative file, by name and text, that is applied when
    ///   neither this node nor the mesh it joins has a configuration.
    /// - Returns: how many requests the drain deadline cut.
    /// - Throws: when the store is damaged or an address cannot be bound.
    public func run(firstConfiguration: (name: String, text: String)?) async throws -> Int {
        let store = try NodeStore(directory: self.settings.node.dataDirectory)
        let inlet = HealthService.Inlet()
        let dataPlane = DataPlane(configuration: self.dataPlaneConfiguration) { observations in
            inlet.send(.observed(observations))
        }
        let prober = Prober { inlet.send(.probed($0)) }
        let cluster = ClusterService(
            configuration: try await self.clusterConfiguration(store),
            records: try store.records.load(),
            knownMembers: [],
            save: { try store.records.save($0) },
            logger: self.logger
        )
        let parts = self.parts(store, dataPlane, prober, cluster, inlet)
        try dataPlane.start()
        try prober.start()
        defer {
            prober.stop()
            dataPlane.stop()
        }
        let first = firstConfiguration.map { file in
            FirstConfiguration(
                file: file,
                cluster: cluster,
                configuration: parts.configuration,
                hasSeeds: !self.settings.gossip.seeds.isEmpty,
                logger: self.logger
            )
        }
        let drain = DrainService(
            dataPlane: dataPlane,
            state: parts.state,
            announce: self.settings.proxy.drainAnnounce,
            deadline: self.settings.proxy.drainDeadline,
            logger: self.logger
        )
        // Stops in reverse order: the drain first, gossip last.
        let services: [any Service] =
            [cluster, parts.regions, parts.state, parts.health, parts.configuration, parts.watch]
            + self.listeners(parts.admin) + (first.map { [$0] } ?? [])
            + [SeedResolver(seeds: self.settings.gossip.seeds, cluster: cluster), drain]
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { service in
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: service,
                        successTerminationBehavior: service is FirstConfiguration
                            ? .ignore : .gracefullyShutdownGroup
                    )
                },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: self.logger
            )
        )
        self.logger.info(
            "node starts",
            metadata: [
                "name": "\(self.settings.node.name)", "region": "\(self.settings.node.region)",
                "proxy": "\(dataPlane.boundEndpoints)", "id": "\(store.node)",
            ]
        )
        try await group.run()
        parts.events.end()
        return drain.cutRequests
    }

    /// The parts that know each other.
    private struct Parts {
        let events: EventLog
        let health: HealthService
        let state: StateService
        let regions: RegionService
        let configuration: ConfigurationService
        let watch: MeshWatch
        let admin: NodeAdmin
    }

    private func parts(
        _ store: NodeStore,
        _ dataPlane: DataPlane,
        _ prober: Prober,
        _ cluster: ClusterService,
        _ inlet: HealthService.Inlet
    ) -> Parts {
        let node = store.node
        let region = self.settings.node.region
        let events = EventLog(observer: self.settings.node.name)
        let state = StateService(
            cluster: cluster,
            dataPlane: dataPlane,
            node: node,
            adminAddress: self.settings.adminListen.description
        )
        let health = HealthService(
            peer: HealthPeer(id: node, region: region),
            cluster: cluster,
            dataPlane: dataPlane,
            prober: prober,
            events: events,
            inlet: inlet
        )
        let configuration = ConfigurationService(
            cluster: cluster,
            dataPlane: dataPlane,
            health: health,
            region: region,
            events: events,
            logger: self.logger,
            onChange: { running in state.update { $0.take(running) } }
        )
        let regions = RegionService(cluster: cluster, events: events, node: node, region: region)
        let watch = MeshWatch(
            cluster: cluster,
            health: health,
            configuration: configuration,
            regions: regions,
            events: events,
            logger: self.logger,
            node: node,
            onWish: { mode in
                dataPlane.setClosing(mode != .normal)
                state.update { $0.mode = mode }
            }
        )
        let admin = NodeAdmin(
            identity: NodeIdentity(
                id: node.description,
                name: self.settings.node.name,
                version: Version.current,
                hostName: self.hostName
            ),
            node: node,
            nodeSettings: self.settings,
            gossipKeyCount: self.keyRing.epochs.count,
            cluster: cluster,
            dataPlane: dataPlane,
            configurations: configuration,
            healthService: health,
            regionService: regions,
            state: state,
            eventLog: events
        )
        return Parts(
            events: events,
            health: health,
            state: state,
            regions: regions,
            configuration: configuration,
            watch: watch,
            admin: admin
        )
    }

    private func listeners(_ admin: NodeAdmin) -> [any Service] {
        [
            (self.settings.adminListen, AdminServerConfiguration.Surface.admin),
            (self.settings.statusListen, .status),
        ].map { listen, surface in
            AdminServer(
                configuration: AdminServerConfiguration(listen: listen, surface: surface),
                node: admin,
                logger: self.logger
            )
        }
    }

    private var dataPlaneConfiguration: DataPlaneConfiguration {
        var configuration = DataPlaneConfiguration()
        configuration.listen = self.settings.proxy.listen
        configuration.workers = self.settings.proxy.workers
        switch self.settings.proxy.accessLog {
        case "off": configuration.accessLog = nil
        case "-": configuration.accessLog = .standardOutput
        case let path: configuration.accessLog = .file(path)
        }
        return configuration
    }

    private func clusterConfiguration(_ store: NodeStore) async throws -> ClusterConfiguration {
        let gossip = self.settings.gossip
        var generator = SystemRandomNumberGenerator()
        var configuration = ClusterConfiguration(
            bind: gossip.bind,
            profile: MemberProfile(
                id: store.node,
                name: self.settings.node.name,
                region: self.settings.node.region,
                zone: self.settings.node.zone,
                address: self.settings.advertisedGossip,
                version: Version.current,
                protocolMinimum: Version.protocols.lowerBound,
                protocolMaximum: Version.protocols.upperBound
            ),
            boot: store.boot,
            // Above every incarnation of the start before, since each start may refute at most this
            // often before it runs into the next one's range.
            incarnation: store.boot << 20,
            seeds: await SeedResolver.resolve(gossip.seeds, excluding: gossip.bind),
            clusterName: gossip.cluster,
            keyRing: self.keyRing,
            seed: generator.next()
        )
        switch gossip.profile {
        case "local": configuration.membership = .local
        case "wan": configuration.membership = .wan
        default: configuration.membership = .lan
        }
        return configuration
    }
}

extension NodeState {
    /// Takes over what the node routes by, and since when.
    mutating func take(_ running: ConfigurationService.Running) {
        if self.configurationHash != running.hash.description {
            self.configurationSince = NodeClock.wallMilliseconds
        }
        self.configurationStamp = running.stamp.rawValue
        self.configurationHash = running.hash.description
        self.rejection = running.rejection
    }
}
