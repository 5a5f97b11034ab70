public import Logging
import MeshAdmin
import MeshDataPlane
import MeshPrimitives
public import MeshWire
import ServiceLifecycle
import UnixSignals

/// One whole node: data plane, cluster, control side, and the order they start and stop in.
///
/// Start: the store is opened, workers listen with an empty snapshot, gossip binds and joins, the
/// last configuration is built from disk, the Admin API answers. Stop: readiness says 503, workers
/// finish what is in flight, the rest ends, the node says goodbye.
public struct GatewayNode: Sendable {
    private let settings: NodeSettings
    private let keyRing: KeyRing
    private let hostName: String
    private let logger: Logger
    private let rereadAdmin: @Sendable () throws -> AdminSettings

    /// Creates a node that does nothing yet.
    ///
    /// - Parameters:
    ///   - settings: validated settings.
    ///   - keyRing: the mesh's secrets.
    ///   - hostName: the machine's name.
    ///   - logger: where the node tells what it does.
    ///   - rereadAdmin: reads the files of `admin.…` again, at SIGHUP.
    public init(
        settings: NodeSettings,
        keyRing: KeyRing,
        hostName: String,
        logger: Logger,
        rereadAdmin: @escaping @Sendable () throws -> AdminSettings
    ) {
        self.settings = settings
        self.keyRing = keyRing
        self.hostName = hostName
        self.logger = logger
        self.rereadAdmin = rereadAdmin
    }

    /// Runs until SIGTERM or SIGINT, then drains and leaves; SIGHUP and SIGUSR1 reopen its log,
    /// SIGHUP reads certificates and tokens of the Admin API again.
    ///
    /// - Parameter firstConfiguration: a declarative file, by name and text, that is applied when
    ///   neither this node nor the mesh it joins has a configuration.
    /// - Returns: how many requests the drain deadline cut.
    /// - Throws: when the store is damaged or an address cannot be bound.
    public func run(firstConfiguration: (name: String, text: String)?) async throws -> Int {
        let store = try NodeStore(directory: self.settings.node.dataDirectory)
        let keyRing = try store.keyRing(file: self.keyRing)
        if keyRing.version > 0 {
            self.logger.notice(
                "key ring as last changed in the running mesh, not as in gossip.keyring",
                metadata: ["ring": "\(keyRing)"]
            )
        }
        let gossip = self.settings.gossip
        let seeds = SeedResolver(seeds: gossip.seeds, own: gossip.bind, logger: self.logger)
        let parts = try NodeParts(
            settings: try self.settingsWithCertificate(),
            resolver: seeds,
            seeds: await seeds.resolve(),
            keyRing: keyRing,
            store: store,
            firstConfiguration: firstConfiguration,
            logger: self.logger
        )
        let security = AdminSecurity(
            tls: try self.settings.admin.tlsContext(),
            credentials: self.settings.admin.files.credentials
        )
        let rereadAdmin = self.rereadAdmin
        let rotation = await LogRotationService(dataPlane: parts.dataPlane, logger: self.logger) {
            let settings = try rereadAdmin()
            security.replace(
                tls: try settings.tlsContext(),
                credentials: settings.files.credentials
            )
        }
        try parts.dataPlane.start()
        try parts.prober.start()
        defer {
            parts.prober.stop()
            parts.dataPlane.stop()
        }
        let drain = DrainService(
            dataPlane: parts.dataPlane,
            state: parts.state,
            announce: self.settings.proxy.drainAnnounce,
            deadline: self.settings.proxy.drainDeadline,
            logger: self.logger
        )
        self.logger.info(
            "node starts",
            metadata: [
                "name": "\(self.settings.node.name)", "region": "\(self.settings.node.region)",
                "proxy": "\(parts.dataPlane.boundEndpoints)", "id": "\(store.node)",
                "boot": "\(store.boot)",
            ]
        )
        let services = self.services(parts, store, drain, security) + [rotation]
        try await self.group(of: services).run()
        parts.events.end()
        return drain.cutRequests
    }

    /// The settings with a certificate for names that no SNI covers, made when none is given.
    private func settingsWithCertificate() throws -> NodeSettings {
        var settings = self.settings
        let plane = settings.proxy.dataPlane
        let needsOne =
            !plane.tlsListen.isEmpty || plane.streamListen.contains { $0.kind == .tls }
        guard needsOne, plane.tls.defaultCertificate == nil else { return settings }
        settings.proxy.dataPlane.tls.defaultCertificate = try DefaultCertificate.load(
            directory: settings.node.dataDirectory,
            now: Int(NodeClock.wallMilliseconds / 1_000)
        )
        return settings
    }

    /// Everything that runs, in start order; it stops in reverse: the drain first, gossip last.
    private func services(
        _ parts: NodeParts,
        _ store: NodeStore,
        _ drain: DrainService,
        _ security: AdminSecurity
    ) -> [any Service] {
        let admin = parts.admin(
            settings: self.settings,
            store: store,
            hostName: self.hostName
        )
        let core: [any Service] = [
            parts.cluster, MemberKeeper(cluster: parts.cluster, store: store, logger: self.logger),
            parts.regions, parts.state, parts.health, parts.configuration,
            parts.rollOuts,
            parts.watch(store: store, logger: self.logger), parts.tickets,
            StapleService(dataPlane: parts.dataPlane, logger: self.logger),
            SpillWatch(dataPlane: parts.dataPlane, logger: self.logger),
        ]
        return core + self.listeners(admin, security)
            + [SeedService(resolver: parts.seeds, cluster: parts.cluster), drain]
    }

    private func listeners(_ admin: NodeAdmin, _ security: AdminSecurity) -> [any Service] {
        typealias Configuration = AdminServerConfiguration
        let settings = self.settings.admin
        var api = Configuration(place: .address(settings.listen), surface: .admin)
        api.security = security
        let status = Configuration(
            place: .address(self.settings.statusListen),
            surface: .status
        )
        var listeners = [("admin.listen", api), ("status.listen", status)]
        if let path = settings.socket {
            listeners.append(("admin.socket", Configuration(place: .socket(path), surface: .admin)))
        }
        return listeners.map { setting, configuration in
            AdminListener(setting: setting, place: configuration.place, logger: self.logger) {
                onBound in
                AdminServer(
                    configuration: configuration,
                    node: admin,
                    logger: self.logger,
                    onBound: onBound
                )
            }
        }
    }

    private func group(of services: [any Service]) -> ServiceGroup {
        ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { service in
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: service,
                        successTerminationBehavior: .gracefullyShutdownGroup
                    )
                },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: self.logger
            )
        )
    }
}
