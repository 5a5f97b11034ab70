import Glibc
import MeshActivation
import MeshAdmin
import MeshDataPlane
import MeshDeclarative
import MeshEntities
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import MeshWire

/// Answers the Admin API from the node's parts; decides nothing.
struct NodeAdmin: AdminNode {
    let identity: NodeIdentity
    let node: NodeID
    let nodeSettings: NodeSettings
    let cluster: ClusterService
    let dataPlane: DataPlane
    let configurations: ConfigurationService
    let healthService: HealthService
    let regionService: RegionService
    let state: StateService
    let rollOuts: RollOutService
    let eventLog: EventLog
    let directory: EntityDirectory
    let seeds: SeedResolver
    let boardKeeper = BoardKeeper()

    func configuration() async -> GatewayConfiguration {
        await self.configurations.running.configuration
    }

    func configurationVersion() async -> ConfigurationVersion { self.state.current.version }

    func declarativeText() async -> String {
        DeclarativeFile.write(await self.configuration())
    }

    func settings() async -> DocumentValue { self.nodeSettings.document }

    func traffic() async -> TrafficCounts {
        let counters = self.dataPlane.counters()
        var counts = TrafficCounts()
        counts.accepted = counters.acceptedConnections
        counts.handled = counters.acceptedConnections
        counts.active = Int(counters.activeConnections)
        counts.writing = Int(counters.activeRequests)
        counts.waiting = max(0, counts.active - counts.writing)
        counts.requests = counters.requests
        counts.residentBytes = ProcessFigures.residentBytes
        return counts
    }

    func members() async -> MembersReport {
        let members = await self.currentMembers()
        return MembersReport(members: members.reports, view: members.view)
    }

    func status() async -> StatusReport {
        let members = await self.currentMembers()
        guard let own = members.reports.first(where: \.isAsked) else {
            let report = MemberReport(
                id: self.identity.id,
                name: self.identity.name,
                region: self.nodeSettings.node.region,
                address: self.nodeSettings.advertisedGossip.description
            )
            return StatusReport(node: report, members: [], view: members.view)
        }
        var report = StatusReport(node: own, members: members.reports, view: members.view)
        let readiness = await self.readiness()
        let configuration = await self.configuration()
        let counters = self.dataPlane.counters()
        report.cluster = self.nodeSettings.gossip.cluster
        report.mesh = await self.cluster.status().mesh?.id.description ?? ""
        report.proxyAddresses = self.dataPlane.boundEndpoints.map(\.description)
        report.uptimeSeconds = own.ageSeconds ?? 0
        report.ready = readiness == .ready
        let standing = await self.configurations.running.standing
        report.readiness = readiness.message
        if readiness == .withoutConfiguration, let waiting = standing.waiting {
            let reason = standing.refusal?.reason ?? waiting.description
            report.readiness = "no configuration available: \(reason)"
        }
        report.configFileDiffers = standing.differsFromFile
        report.regions = await self.regions().regions
        report.configAgreed = await self.configurationStatus(including: "").agreed
        report.entities = configuration.entityCounts
        report.requests = counters.requests
        report.connections = Int(counters.activeConnections)
        report.gossipKeys = await self.cluster.keyRing()?.epochs.count ?? 0
        report.openFiles = ProcessFigures.openFiles
        report.openFileLimit = ProcessFigures.openFileLimit
        for (reason, count) in await self.cluster.status().counters.rejected {
            report.rejected["\(reason)", default: 0] += count
        }
        report.troubles = await self.troubles(members.reports)
        report.wallMilliseconds = NodeClock.wallMilliseconds
        return report
    }

    func readiness() async -> Readiness {
        if let reason = await self.exclusion() { return .excluded(reason) }
        guard self.state.mode == .normal else { return .draining }
        let running = await self.configurations.running
        return running.hasConfiguration ? .ready : .withoutConfiguration
    }

    func validate(_ submission: Submission) async -> ValidationReport {
        self.configurations.validate(submission)
    }

    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport {
        try await self.configurations.difference(submission)
    }

    func apply(_ submission: Submission) async throws(AdminError) -> ApplyReport {
        let (cluster, node) = (self.cluster, self.node)
        var rollOut: RollOutMaker?
        if let limits = submission.rollOut {
            rollOut = { held in await cluster.rollOut(of: node, upon: held, limits) }
        }
        let report = try await self.configurations.apply(submission, by: rollOut)
        self.eventLog.add(
            .config,
            .configApplied,
            subject: report.config.hash,
            message: "+\(report.summary.created) ~\(report.summary.updated) "
                + "-\(report.summary.deleted)"
                + (submission.message.isEmpty ? "" : ": \(submission.message)")
        )
        return report
    }

    func setMode(
        _ mode: MemberReport.Mode,
        of node: String,
        author: String
    ) async throws(AdminError) -> DrainReport {
        let members = await self.currentMembers().reports
        guard let member = members.first(where: { $0.name == node || $0.id == node }),
            let id = NodeID(member.id)
        else { throw .unknownNode(node) }
        guard member.state != .left else { throw .refused("\(node) has left the mesh") }
        let desired = DesiredMode(mode: mode)
        _ = try await self.cluster.submit(desired.draft(of: id, called: member.name, by: author))
        return DrainReport(
            node: member.name,
            mode: mode,
            previous: member.mode,
            inFlight: member.inFlight
        )
    }

    func events(after id: UInt64?) async -> AsyncStream<EventReport> {
        self.eventLog.events(after: id)
    }

    /// Members and states as they are known now.
    func currentMembers() async -> NodeMembers {
        await NodeMembers(
            cluster: self.cluster,
            own: self.state.current,
            inFlight: self.dataPlane.activeRequestsBesidesDatagrams,
            node: self.node,
            name: self.identity.name
        )
    }
}

extension GatewayConfiguration {
    /// Entities by Kong's collection name; empty collections are left out.
    fileprivate var entityCounts: [String: Int] {
        Dictionary(
            uniqueKeysWithValues: EntityKind.allCases.map {
                ($0.rawValue, self.collection($0).count)
            }
        ).filter { $0.value > 0 }
    }
}

extension NodeSettings {
    /// The settings by dotted path; they hold no secrets, only the paths of their files.
    fileprivate var document: DocumentValue {
        let own = SettingKey.all.map { DocumentField($0.name, $0.show(self)) }
        return .object(
            own + [
                DocumentField("database", .string("off")),
                DocumentField("router_flavor", .string(self.proxy.dataPlane.routerFlavor.rawValue)),
            ]
        )
    }
}

/// What the system says about this process.
enum ProcessFigures {
    /// Bytes of memory held; 0 when the system does not say.
    static var residentBytes: UInt64 {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(
            decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        let pages = text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Open file descriptors; `nil` when the system does not say.
    static var openFiles: Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and the descriptor that reads the directory.
        return max(0, count - 3)
    }

    /// The limit of open file descriptors.
    static var openFileLimit: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return nil
        }
        return Int(exactly: limit.rlim_cur)
    }
}
