import Logging
import MeshAdmin
import MeshDataPlane
import MeshListening
import MeshPrimitives
import MeshReports
import MeshTransport
import MeshWire
import ServiceLifecycle
import UnixSignals

/// One whole node: data plane, cluster, control side, and the order they start and stop in.
///
/// Start: the store is opened, gossip binds and joins, the last configuration is built from disk,
/// workers listen, the Admin API answers. Stop: readiness says 503, workers finish what is in flight,
/// the rest ends, the node says goodbye.
struct GatewayNode: Sendable {
    private let settings: NodeSettings
    private let keyRing: KeyRing
    private let origin: Origin
    private let logger: Logger
    private let rereadAdmin: @Sendable () throws -> AdminSettings
    private let welcome: String?

    /// Where the process comes from: its machine, who started it, and what it was handed.
    struct Origin: Sendable {
        /// The machine's name.
        let hostName: String
        /// Who started it.
        let supervisor: Supervisor
        /// Sockets that somebody else has bound.
        let sockets: [InheritedSocket]
        /// The taking over of the node from the process that runs it; `nil` at a usual start.
        let succession: Succession?
        /// The protocol versions that the build speaks.
        let wire: WireDialect
    }

    /// Creates a node that does nothing yet.
    ///
    /// - Parameters:
    ///   - settings: validated settings.
    ///   - keyRing: the mesh's secrets.
    ///   - origin: where the process comes from.
    ///   - logger: where the node tells what it does.
    ///   - rereadAdmin: reads the files of `admin.…` again, at SIGHUP.
    ///   - welcome: what is said on standard error once the node serves; `nil`: nothing.
    init(
        settings: NodeSettings,
        keyRing: KeyRing,
        origin: Origin,
        logger: Logger,
        rereadAdmin: @escaping @Sendable () throws -> AdminSettings,
        welcome: String? = nil
    ) {
        self.settings = settings
        self.keyRing = keyRing
        self.origin = origin
        self.logger = logger
        self.rereadAdmin = rereadAdmin
        self.welcome = welcome
    }

    /// Runs until SIGTERM, SIGINT or SIGQUIT, then drains and leaves; or until another process is the
    /// node, then drains and ends in silence.
    ///
    /// ``SignalService`` names what other signals do.
    ///
    /// - Parameter firstConfiguration: a declarative file, by name and text, that is applied when
    ///   neither this node nor the mesh it joins has a configuration.
    /// - Returns: how many requests the drain deadline cut.
    /// - Throws: when the store is damaged or an address cannot be bound.
    func run(firstConfiguration: (name: String, text: String)?) async throws -> Int {
        let gossip = self.settings.gossip
        let seeds = SeedResolver(seeds: gossip.seeds, own: gossip.bind, logger: self.logger)
        try NodeStore.makeDirectory(self.settings.node.dataDirectory)
        let settings = try self.settingsWithCertificate()
        let security = AdminSecurity(
            tls: try self.settings.admin.tlsContext(),
            credentials: self.settings.admin.files.credentials
        )
        let resolved = await seeds.resolve()
        // Whatever fails before leaves the process that runs the node as it is.
        try await self.origin.succession?.claim()
        let store = try NodeStore(
            directory: self.settings.node.dataDirectory,
            pinnedTo: self.settings.gossip.mesh
        )
        let keyRing = try self.keyRing(of: store)
        let listeners = ListenerSet(inherited: self.origin.sockets)
        let parts = try NodeParts(
            settings: settings,
            resolver: seeds,
            seeds: resolved,
            keyRing: keyRing,
            store: store,
            listeners: listeners,
            wire: self.origin.wire,
            firstConfiguration: firstConfiguration,
            logger: self.logger
        )
        try parts.prober.start()
        defer {
            parts.prober.stop()
            parts.dataPlane.stop()
        }
        let drain = DrainService(
            dataPlane: parts.dataPlane,
            state: parts.state,
            listeners: listeners,
            supervisor: self.origin.supervisor,
            settings: self.settings.proxy,
            logger: self.logger
        )
        let services = await self.services(parts, store, listeners, drain, security)
        try await self.group(of: services).run()
        parts.events.end()
        self.close(store)
        return drain.cutRequests
    }

    /// Leaves the records in one file; a successor has them already.
    private func close(_ store: NodeStore) {
        do {
            try store.close()
        } catch {
            self.logger.tell(
                .storeNotClosed,
                "the store was not closed",
                ["reason": "\(error)"]
            )
        }
    }

    /// The ring as it was last changed in the running mesh, or else the file's.
    private func keyRing(of store: NodeStore) throws -> KeyRing {
        let keyRing = try store.keyRing(file: self.keyRing)
        if keyRing.version > 0 {
            self.logger.tell(
                .ringFromMesh,
                "key ring as last changed in the running mesh, not as in gossip.keyring",
                ["ring": "\(keyRing)"]
            )
        }
        return keyRing
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

    /// Everything that runs, in start order; it stops in reverse: the drain first, gossip late,
    /// signals and watchdog last.
    private func services(
        _ parts: NodeParts,
        _ store: NodeStore,
        _ listeners: ListenerSet,
        _ drain: DrainService,
        _ security: AdminSecurity
    ) async -> [any Service] {
        let admin = parts.admin(
            settings: self.settings,
            store: store,
            hostName: self.origin.hostName
        )
        await parts.cluster.answerQuestions { await admin.respond(to: $0) }
        let supervisor = self.origin.supervisor
        let keeper = MemberKeeper(
            cluster: parts.cluster,
            store: store,
            listeners: listeners,
            logger: self.logger
        )
        let (voice, accepting) = self.gates
        let quit = Gate()
        let core: [any Service] = [
            await self.signals(parts, admin, drain, quit, security),
            WatchdogService(
                supervisor: supervisor,
                dataPlane: parts.dataPlane,
                cluster: parts.cluster,
                logger: self.logger
            ),
            VoiceService(cluster: parts.cluster, gate: voice), keeper,
        ]
        let work: [any Service] = [
            parts.regions, parts.state, parts.modes, parts.health, parts.configuration,
            parts.rollOuts, parts.watch(store: store), parts.tickets, parts.directory,
            StapleService(dataPlane: parts.dataPlane, logger: self.logger),
            SpillWatch(dataPlane: parts.dataPlane, logger: self.logger),
            BoardService(node: admin),
        ]
        let bound = BoundCount(of: self.adminListeners(security).count)
        let opening = self.opening(parts, store, listeners, bound, (voice, accepting))
        return core + work + self.admins(admin, security, listeners, bound, accepting)
            + [SeedService(resolver: parts.seeds, cluster: parts.cluster), QuitService(gate: quit)]
            + [opening, drain]
    }

    /// The last step of a start, after which the node serves.
    private func opening(
        _ parts: NodeParts,
        _ store: NodeStore,
        _ listeners: ListenerSet,
        _ bound: BoundCount,
        _ gates: (voice: Gate, accepting: Gate)
    ) -> OpeningService {
        let supervisor = self.origin.supervisor
        let succession = SuccessionService(
            store: store,
            cluster: parts.cluster,
            listeners: listeners,
            supervisor: supervisor,
            logger: self.logger
        )
        return OpeningService(
            dataPlane: parts.dataPlane,
            cluster: parts.cluster,
            configuration: parts.configuration,
            listeners: listeners,
            bound: bound,
            voice: gates.voice,
            accepting: gates.accepting,
            supervisor: supervisor,
            predecessor: self.origin.succession,
            successor: succession,
            logger: self.logger,
            welcome: self.welcome,
            metadata: [
                "name": "\(self.settings.node.name)", "region": "\(self.settings.node.region)",
                "id": "\(store.node)", "boot": "\(store.boot)",
            ]
        )
    }

    /// What a successor does only once the process before lets it: speak in the mesh, and take
    /// connections of the Admin side.
    private var gates: (voice: Gate, accepting: Gate) {
        let gates = (voice: Gate(), accepting: Gate())
        if self.origin.succession == nil {
            gates.voice.open()
            gates.accepting.open()
        }
        return gates
    }

    private func signals(
        _ parts: NodeParts,
        _ admin: NodeAdmin,
        _ drain: DrainService,
        _ quit: Gate,
        _ security: AdminSecurity
    ) async -> SignalService {
        let rereadAdmin = self.rereadAdmin
        let dump = StateDump(directory: self.settings.node.dataDirectory, node: admin)
        return await SignalService(
            dataPlane: parts.dataPlane,
            supervisor: self.origin.supervisor,
            logger: self.logger,
            actions: SignalService.Actions(
                renewAdmin: {
                    let settings = try rereadAdmin()
                    security.replace(
                        tls: try settings.tlsContext(),
                        credentials: settings.files.credentials
                    )
                },
                dump: { try await dump.write() },
                quit: { quit.open() },
                hurry: { drain.hurry() },
                succeed: { try Successor.start() }
            )
        )
    }

    /// The listeners of the Admin side, by the setting that an operator changes.
    private func adminListeners(
        _ security: AdminSecurity
    ) -> [(setting: String, AdminServerConfiguration)] {
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
        return listeners
    }

    private func admins(
        _ admin: NodeAdmin,
        _ security: AdminSecurity,
        _ listeners: ListenerSet,
        _ bound: BoundCount,
        _ accepting: Gate
    ) -> [any Service] {
        self.adminListeners(security).map { setting, configuration in
            AdminListener(
                setting: setting,
                place: configuration.place,
                listeners: listeners,
                logger: self.logger
            ) { onBound in
                AdminServer(
                    configuration: configuration,
                    node: admin,
                    listeners: listeners,
                    logger: self.logger,
                    onBound: { endpoint in
                        onBound(endpoint)
                        bound.add()
                    },
                    mayAccept: { await accepting.opened() }
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
