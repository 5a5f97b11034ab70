import Logging
import MeshAdmin
import MeshChangelog
import MeshDataPlane
import MeshEntities
import MeshHealth
import MeshListening
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshStorage
import MeshTransport
import MeshWire

/// The parts of one node, made and made known to each other; nothing runs yet.
struct NodeParts: Sendable {
    let dataPlane: DataPlane
    let prober: Prober
    let cluster: ClusterService
    let events: EventLog
    let health: HealthService
    let state: StateService
    let modes: ModeService
    let regions: RegionService
    let configuration: ConfigurationService
    let rollOuts: RollOutService
    let tickets: TicketKeyService
    let seeds: SeedResolver
    let directory: DirectoryService

    /// Makes the parts.
    ///
    /// - Parameters:
    ///   - settings: validated settings.
    ///   - resolver: what looks the seeds up.
    ///   - seeds: addresses of members to join through.
    ///   - keyRing: the mesh's secrets.
    ///   - store: what the node keeps on disk.
    ///   - listeners: where the parts get their sockets.
    ///   - wire: the protocol versions that the node speaks.
    ///   - firstConfiguration: the `config:` file, by name and text.
    ///   - logger: where the parts tell what they do.
    /// - Throws: when the store is damaged.
    init(
        settings: NodeSettings,
        resolver: SeedResolver,
        seeds: [Endpoint],
        keyRing: KeyRing,
        store: NodeStore,
        listeners: ListenerSet,
        wire: WireDialect,
        firstConfiguration: (name: String, text: String)?,
        logger: Logger
    ) throws {
        let inbox = HealthInbox()
        let dataPlane = Self.dataPlane(settings, store.node.description, keyRing, listeners, inbox)
        let events = Self.events(settings, logger)
        let readings = EntityReadings()
        let cluster = try ClusterService(
            ClusterConfiguration(settings, seeds, keyRing, store, wire),
            store,
            listeners,
            readings
        )
        let state = StateService(
            cluster: cluster,
            dataPlane: dataPlane,
            adminAddress: settings.admin.listen.description
        )
        let directory = DirectoryService(EntityDirectory(cluster: cluster))
        self.directory = directory
        self.seeds = resolver
        self.dataPlane = dataPlane
        self.prober = Prober { result in inbox.add { $0.results.append(result) } }
        self.cluster = cluster
        cluster.share(FleetCounterTable(dataPlane.fleetCounters))
        self.events = events
        self.state = state
        self.modes = ModeService(
            dataPlane: dataPlane,
            state: state,
            deadline: settings.proxy.drainDeadline
        )
        let peer = HealthPeer(id: store.node, region: settings.node.region)
        let health = HealthService(
            peer: peer,
            cluster: cluster,
            dataPlane: dataPlane,
            prober: self.prober,
            events: events,
            inbox: inbox
        )
        self.health = health
        self.configuration = ConfigurationService(
            cluster: cluster,
            source: ConfigurationSource(cluster, own: store.node),
            compiler: try .installing(into: dataPlane, health, settings.node.region, readings),
            journal: Self.journal(settings),
            file: firstConfiguration,
            hasSeeds: !settings.gossip.seeds.isEmpty,
            events: events,
            logger: logger,
            onChange: { standing in
                state.update { $0.take(standing) }
                directory.configurationChanged()
            }
        )
        self.rollOuts = Self.rollOuts(self.configuration, dataPlane, state, events, store, logger)
        self.tickets = Self.tickets(settings, keyRing, dataPlane)
        self.regions = RegionService(peer, cluster, health, dataPlane, events)
    }

    private static func journal(_ settings: NodeSettings) -> ActivationJournal {
        ActivationJournal(
            path: settings.node.dataDirectory + "/activating",
            version: Version.current
        )
    }

    private static func events(_ settings: NodeSettings, _ logger: Logger) -> EventLog {
        EventLog(
            observer: settings.node.name,
            journal: EventJournal(
                path: settings.node.dataDirectory + "/events.jsonl",
                disk: DiskThread()
            ),
            logger: logger
        )
    }

    private static func dataPlane(
        _ settings: NodeSettings,
        _ nodeID: String,
        _ keyRing: KeyRing,
        _ listeners: ListenerSet,
        _ inbox: HealthInbox
    ) -> DataPlane {
        let dataPlane = DataPlane(
            configuration: settings.proxy.dataPlane,
            nodeID: nodeID,
            limitSecret: keyRing.counterSecret(clusterName: settings.gossip.cluster),
            listeners: listeners
        ) { inbox.observed($0) }
        // Before the first request, so that no client loses its target by a node's start.
        dataPlane.setPinKeys(keyRing.pinSecrets(clusterName: settings.gossip.cluster))
        dataPlane.setSessionKeys(keyRing.sessionSecrets(clusterName: settings.gossip.cluster))
        return dataPlane
    }

    private static func rollOuts(
        _ configuration: ConfigurationService,
        _ dataPlane: DataPlane,
        _ state: StateService,
        _ events: EventLog,
        _ store: NodeStore,
        _ logger: Logger
    ) -> RollOutService {
        RollOutService(
            cluster: configuration.cluster,
            dataPlane: dataPlane,
            configuration: configuration,
            state: state,
            events: events,
            node: store.node,
            logger: logger
        )
    }

    private static func tickets(
        _ settings: NodeSettings,
        _ keyRing: KeyRing,
        _ dataPlane: DataPlane
    ) -> TicketKeyService {
        TicketKeyService(
            schedule: TicketSchedule(
                keyRing: keyRing,
                clusterName: settings.gossip.cluster,
                rotation: settings.proxy.dataPlane.tls.ticketRotation
            ),
            install: { secrets in
                dataPlane.setTicketKeys(
                    current: (secrets.current.name, secrets.current.secret),
                    accepted: secrets.accepted.map { ($0.name, $0.secret) }
                )
                dataPlane.setPinKeys(secrets.pins)
                dataPlane.setSessionKeys(secrets.sessions)
            },
            now: { NodeClock.wallMilliseconds }
        )
    }

    /// The part that hands on what the cluster learns.
    func watch(store: NodeStore) -> MeshWatch {
        let modes = self.modes
        return MeshWatch(
            cluster: self.cluster,
            health: self.health,
            configuration: self.configuration,
            regions: self.regions,
            state: self.state,
            events: self.events,
            tickets: self.tickets,
            store: store,
            onDesiredMode: { modes.set($0) }
        )
    }

    /// The part that answers the Admin API.
    func admin(
        settings: NodeSettings,
        store: NodeStore,
        hostName: String
    ) -> NodeAdmin {
        NodeAdmin(
            identity: NodeIdentity(
                id: store.node.description,
                name: settings.node.name,
                version: Version.current,
                hostName: hostName
            ),
            node: store.node,
            nodeSettings: settings,
            cluster: self.cluster,
            dataPlane: self.dataPlane,
            configurations: self.configuration,
            healthService: self.health,
            regionService: self.regions,
            state: self.state,
            rollOuts: self.rollOuts,
            eventLog: self.events,
            directory: self.directory.directory,
            seeds: self.seeds
        )
    }
}

extension ClusterService {
    /// A cluster that goes on from what a store holds, and keeps what it learns there.
    fileprivate convenience init(
        _ configuration: ClusterConfiguration,
        _ store: NodeStore,
        _ listeners: ListenerSet,
        _ readings: EntityReadings
    ) throws {
        try self.init(
            configuration: configuration,
            stored: try store.database.changelog(),
            rules: .gateway(readings: readings),
            knownMembers: try store.knownMembers(wallMilliseconds: NodeClock.wallMilliseconds),
            listeners: listeners,
            save: { batch in try await store.disk.run { try store.database.save(batch) } },
            saveBoot: { store.saveBoot($0) },
            saveMesh: { store.save($0) },
            saveRing: { store.save($0) }
        )
    }
}

extension ConfigurationCompiler {
    /// A compiler for a data plane, which finds no route until there is a configuration.
    fileprivate static func installing(
        into dataPlane: DataPlane,
        _ health: HealthService,
        _ region: String,
        _ readings: EntityReadings
    ) throws -> ConfigurationCompiler {
        let empty = try Snapshot(
            configuration: .empty,
            addresses: HostAddresses(),
            localRegion: region,
            version: 0
        )
        try dataPlane.install(empty)
        return ConfigurationCompiler(
            region: region,
            flavor: dataPlane.routerFlavor,
            readings: readings
        ) { compiled in
            try dataPlane.install(compiled.snapshot)
            health.configure(compiled.snapshot)
        }
    }
}

extension ClusterConfiguration {
    /// What the node's settings and its store say of gossip.
    fileprivate init(
        _ settings: NodeSettings,
        _ seeds: [Endpoint],
        _ keyRing: KeyRing,
        _ store: NodeStore,
        _ wire: WireDialect
    ) {
        var generator = SystemRandomNumberGenerator()
        self.init(
            bind: settings.gossip.bind,
            profile: MemberProfile(
                id: store.node,
                name: settings.node.name,
                region: settings.node.region,
                zone: settings.node.zone,
                address: InterfaceAddress.advertised(for: settings.advertisedGossip),
                version: Version.current
            ),
            identity: store.key.identity,
            start: MemberStart(boot: store.boot),
            mesh: store.mesh,
            seeds: seeds,
            clusterName: settings.gossip.cluster,
            keyRing: keyRing,
            seed: generator.next()
        )
        self.wire = wire
        self.changelog.durableNodes = settings.durability.nodes
        self.changelog.durableRegions = settings.durability.regions
        self.changelog.acknowledgeTimeout = settings.durability.timeout
        switch settings.gossip.profile {
        case "local": self.membership = .local
        case "wan": self.membership = .wan
        default: self.membership = .lan
        }
    }
}
