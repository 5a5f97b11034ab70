import Logging
import MeshAdmin
import MeshDataPlane
import MeshDeclarative
import MeshEntities
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshResolver
import MeshTransport
import ServiceLifecycle

/// Turns replicated entity records into the snapshot that the data plane routes by, and an
/// operator's text into records.
///
/// A configuration that cannot become a snapshot leaves the last good one in use; the node then
/// says why in its own state.
actor ConfigurationService: ServiceLifecycle.Service {
    /// How often host names are looked up again; answers of shorter life are used a little longer.
    private static let resolvePeriod = Duration.seconds(5)

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let health: HealthService
    private let resolver = HostResolver()
    private let region: String
    private let logger: Logger
    private let events: EventLog
    private let signal: AsyncStream<Void>
    private let trigger: AsyncStream<Void>.Continuation
    /// Called with every new running version or rejection; must return quickly.
    private let onChange: @Sendable (Running) -> Void

    private var isApplying = false
    private var generation: UInt64 = 0
    private var rebuilds: (begun: UInt64, ended: UInt64, areOver: Bool) = (0, 0, false)
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var addresses = HostAddresses()
    private(set) var running = Running()

    /// What the node routes by.
    struct Running: Sendable {
        var configuration = GatewayConfiguration.empty
        var stamp = HybridTimestamp.zero
        var hash = ContentHash.zero
        /// Why the newest records are not in use; empty when they are.
        var rejection = ""
        /// Whether a configuration was ever built.
        var hasConfiguration: Bool { self.hash != .zero }
    }

    init(
        cluster: ClusterService,
        dataPlane: DataPlane,
        health: HealthService,
        region: String,
        events: EventLog,
        logger: Logger,
        onChange: @escaping @Sendable (Running) -> Void
    ) {
        self.cluster = cluster
        self.dataPlane = dataPlane
        self.health = health
        self.region = region
        self.events = events
        self.logger = logger
        self.onChange = onChange
        (self.signal, self.trigger) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that entity records have changed; returns at once, changes in a row count once.
    nonisolated func recordsChanged() { self.trigger.yield() }

    /// Builds snapshots until the node shuts down; begins with what the disk held.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.resolvePeriodically() }
                self.recordsChanged()
                for await _ in self.signal {
                    self.rebuilds.begun += 1
                    await self.rebuild()
                    self.rebuilds.ended += 1
                    self.wakeWaiting()
                }
                self.rebuilds.areOver = true
                self.wakeWaiting()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.trigger.finish()
        }
    }

    /// Waits until this node routes by everything that is written so far, or has refused it.
    private func settled() async {
        let wanted = self.rebuilds.begun + 1
        self.recordsChanged()
        while self.rebuilds.ended < wanted, !self.rebuilds.areOver {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    private func wakeWaiting() {
        let waiting = self.waiting
        self.waiting = []
        for continuation in waiting { continuation.resume() }
    }

    /// Builds a snapshot from the records as they are now and installs it.
    private func rebuild() async {
        let (records, stamp, hash) = await self.consistentRecords()
        guard hash != self.running.hash || !self.running.rejection.isEmpty || self.generation == 0
        else {
            self.running.stamp = stamp
            self.onChange(self.running)
            return
        }
        do {
            let configuration = try Self.configuration(of: records)
            await self.resolve(configuration)
            try self.install(configuration)
            self.running = Running(configuration: configuration, stamp: stamp, hash: hash)
        } catch {
            self.running.rejection = "\(error)"
            self.logger.error("configuration rejected", metadata: ["reason": "\(error)"])
            self.events.add(
                .config,
                "config-rejected",
                subject: hash.description,
                message: "keeps the last good configuration: \(error)"
            )
        }
        self.onChange(self.running)
    }

    /// Reads records, stamp and hash that belong together.
    private func consistentRecords() async -> ([Record], HybridTimestamp, ContentHash) {
        while true {
            let before = await self.cluster.status()
            let records = await self.cluster.records(of: .entity)
            let after = await self.cluster.status()
            if before.configurationHash == after.configurationHash {
                return (records, after.configurationStamp, after.configurationHash)
            }
        }
    }

    private static func configuration(of records: [Record]) throws -> GatewayConfiguration {
        var entities: [(EntityKind, EntityID, DocumentValue)] = []
        for record in records {
            let parts = record.key.name.split(separator: "/")
            guard parts.count == 2, let kind = EntityKind(rawValue: String(parts[0])),
                let id = EntityID(String(parts[1]))
            else { throw ConfigurationRecordError.unknownKey(record.key.name) }
            entities.append((kind, id, try JSONText.parse(record.body).value))
        }
        return try GatewayConfiguration(records: entities)
    }

    private func install(_ configuration: GatewayConfiguration) throws {
        self.generation += 1
        let snapshot = try Snapshot(
            configuration: configuration,
            addresses: self.addresses,
            localRegion: self.region,
            version: self.generation
        )
        try self.dataPlane.install(snapshot)
        self.health.configure(snapshot)
    }

    /// Looks up every host name of the configuration; a name without answer keeps its addresses.
    private func resolve(_ configuration: GatewayConfiguration) async {
        var found = HostAddresses()
        for host in configuration.hostNames {
            do {
                found[host] = try await self.resolver.addresses(of: host).addresses
            } catch {
                found[host] = self.addresses[host]
                self.logger.warning("host not resolved", metadata: ["reason": "\(error)"])
            }
        }
        self.addresses = found
    }

    private func resolvePeriodically() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.resolvePeriod)
            let configuration = self.running.configuration
            guard !configuration.hostNames.isEmpty else { continue }
            let before = self.addresses
            await self.resolve(configuration)
            guard self.addresses != before else { continue }
            do {
                try self.install(configuration)
            } catch {
                self.logger.error("snapshot not rebuilt", metadata: ["reason": "\(error)"])
            }
        }
    }
}

/// Why stored records are not a configuration.
indirect enum ConfigurationRecordError: Error, CustomStringConvertible {
    /// A newer version wrote an entity that this one does not know.
    case unknownKey(String)

    var description: String {
        switch self {
        case .unknownKey(let key):
            "entity '\(key)' is of a kind that this version does not know; upgrade this node"
        }
    }
}

extension GatewayConfiguration {
    /// Host names, not addresses, that have to be resolved: of targets, and of services whose host
    /// names no upstream.
    fileprivate var hostNames: [String] {
        let upstreams = Set(self.upstreams.map(\.name))
        let hosts =
            self.targets.map(\.host)
            + self.services.map(\.host).filter { !upstreams.contains($0) }
        return Set(hosts).filter { IPAddress($0) == nil }.sorted()
    }
}

extension ConfigurationService {
    /// Replaces the whole configuration by a text's, durably here, then gossiped.
    ///
    /// - Throws: ``AdminError``; nothing has changed then.
    func apply(_ submission: Submission) async throws(AdminError) -> ApplyReport {
        guard !self.isApplying else { throw .busy }
        self.isApplying = true
        defer { self.isApplying = false }
        let parsed = try Self.parse(submission)
        let held = await self.cluster.status()
        let base = ConfigurationVersion(held)
        if let expected = submission.expectedHash, expected != base.hash {
            throw .stale(held: base)
        }
        do {
            // Whatever the router refuses must be refused here, before anything is written.
            _ = try Snapshot(
                configuration: parsed.configuration,
                addresses: self.addresses,
                localRegion: self.region,
                version: 0
            )
        } catch {
            throw .invalidConfiguration(InvalidConfiguration(message: "\(error)"))
        }
        let records = await self.cluster.records(of: .entity)
        let changes = Self.changes(from: records, to: parsed.configuration)
        let difference = ConfigurationDifference(
            from: (try? Self.configuration(of: records)) ?? .empty,
            to: parsed.configuration
        )
        do {
            if !changes.isEmpty {
                let head = ConfigurationHead(message: submission.message, name: submission.name)
                _ = try await self.cluster.write(changes + [head.change], urgency: .urgent)
                await self.settled()
            }
        } catch {
            throw .failed("\(error)")
        }
        let now = await self.cluster.status()
        return ApplyReport(
            config: ConfigurationVersion(now),
            base: base,
            changes: difference.reports,
            warnings: parsed.warnings.map(FindingReport.init)
        )
    }

    /// Compares a text with what the node holds.
    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport {
        let parsed = try Self.parse(submission)
        let held = await self.cluster.status()
        let records = await self.cluster.records(of: .entity)
        let difference = ConfigurationDifference(
            from: (try? Self.configuration(of: records)) ?? .empty,
            to: parsed.configuration
        )
        return DifferenceReport(
            base: ConfigurationVersion(held),
            changes: difference.reports,
            warnings: parsed.warnings.map(FindingReport.init)
        )
    }

    /// Reads and checks a text without applying it.
    nonisolated func validate(_ submission: Submission) -> ValidationReport {
        do {
            let parsed = try DeclarativeFile.parse(submission.text, name: submission.name)
            return ValidationReport(
                findings: [],
                warnings: parsed.warnings.map(FindingReport.init)
            )
        } catch {
            return ValidationReport(findings: error.findings.map(FindingReport.init), warnings: [])
        }
    }

    private static func parse(
        _ submission: Submission
    ) throws(AdminError) -> ParsedDeclaration {
        do {
            return try DeclarativeFile.parse(submission.text, name: submission.name)
        } catch {
            throw .invalidConfiguration(
                InvalidConfiguration(
                    message: error.kongMessage,
                    fields: error.fields,
                    flattenedErrors: error.flattenedErrors,
                    findings: error.findings.map(FindingReport.init)
                )
            )
        }
    }

    /// The least changes that turn the stored records into a configuration.
    static func changes(
        from records: [Record],
        to configuration: GatewayConfiguration
    ) -> [RecordChange] {
        var stored = Dictionary(
            records.map { ($0.key, $0.body) },
            uniquingKeysWith: { first, _ in first }
        )
        var changes: [RecordChange] = []
        for (kind, id, document) in configuration.entities() {
            let key = RecordKey(kind: .entity, name: "\(kind.rawValue)/\(id)")
            let body = document.canonicalJSON
            if stored.removeValue(forKey: key) != body {
                changes.append(RecordChange(key: key, body: body))
            }
        }
        return changes + stored.keys.sorted().map { RecordChange(key: $0, body: nil) }
    }
}
