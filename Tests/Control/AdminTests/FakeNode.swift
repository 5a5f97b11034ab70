import MeshAdmin
import MeshDashboard
import MeshEntities
import MeshReports
import Synchronization

/// A node that keeps its entities in memory, answers the rest from fixed values and notes what it is
/// told.
final class FakeNode: AdminNode {
    struct Told: Equatable {
        var applied: [Submission] = []
        var modes: [String] = []
        var regionOrders: [RegionOrderRequest] = []
        var targetOrders: [TargetOrderRequest] = []
        var upgrade: UpgradeReport?
        var marks: [TargetMark] = []
        var messages: [String] = []
        var level = "info"
    }

    private struct Store {
        var catalogue: EntityCatalogue
        var generation = 0
        /// Writes by others that come between planning and writing.
        var interferences = 0
    }

    let identity = NodeIdentity(
        id: "11111111-1111-1111-1111-111111111111",
        name: "eu-1",
        version: "0.1.0",
        hostName: "host"
    )
    let ready: Readiness
    let refusal: AdminError?
    let feed: [EventReport]
    let told = Mutex(Told())
    let board = Board(epoch: "fake")
    private let store: Mutex<Store>

    init(
        rows: [EntityRow] = FakeNode.sampleRows,
        ready: Readiness = .ready,
        refusal: AdminError? = nil,
        feed: [EventReport] = [],
        interferences: Int = 0
    ) {
        var catalogue = EntityCatalogue()
        for row in rows {
            catalogue.apply(EntityChange(kind: row.kind, id: row.id, document: row.document))
        }
        self.store = Mutex(Store(catalogue: catalogue, interferences: interferences))
        self.ready = ready
        self.refusal = refusal
        self.feed = feed
    }

    private var view: ViewReport { ViewReport(node: "eu-1", ageSeconds: 0.3, members: 2) }
    private var version: ConfigurationVersion {
        ConfigurationVersion(generation: 41, hash: "7c1e")
    }
    private var selfReport: MemberReport {
        var member = MemberReport(id: "a", name: "eu-1", region: "eu", address: "127.0.0.1:7946")
        member.isAsked = true
        member.config = self.version
        return member
    }

    func held() async -> HeldEntities {
        self.store.withLock { store in
            HeldEntities(catalogue: store.catalogue, version: Self.version(store.generation))
        }
    }
    func configuration(_ version: ConfigurationVersion) async -> GatewayConfiguration {
        let catalogue = await self.held().catalogue
        let records = EntityKind.allCases.flatMap { kind in
            catalogue.ids(of: kind).compactMap { catalogue.row(kind, $0) }
                .map { ($0.kind, $0.id, $0.document) }
        }
        return (try? GatewayConfiguration(records: records)) ?? .empty
    }
    func examine(_ configuration: inout GatewayConfiguration) -> [Finding] {
        configuration.certificates.enumerated().filter { $1.cert.contains("FOREIGN") }.map {
            EntityPlaces().finding(
                .certificates,
                $0.offset,
                FieldPath.entityField,
                "certificate does not match key"
            )
        }
    }
    func edit(
        _ changes: [EntityChange],
        upon held: HeldEntities,
        author: String,
        message: String
    ) async throws(AdminError) -> EditReceipt {
        if let refusal { throw refusal }
        let made = self.store.withLock { store -> ConfigurationVersion? in
            if store.interferences > 0 {
                store.interferences -= 1
                store.generation += 1
            }
            if held.version != Self.version(store.generation) { return nil }
            for change in changes { store.catalogue.apply(change) }
            store.generation += 1
            return Self.version(store.generation)
        }
        guard let made else { throw .stale(held: self.version) }
        self.told.withLock { $0.messages.append("\(author): \(message)") }
        return EditReceipt(config: made, holders: [self.identity.name])
    }
    func cachedAnswer(_ key: String) async -> DocumentValue? {
        key == "kept" ? .record(["status": .integer(200), "body": .string("hi")]) : nil
    }

    func forgetCachedAnswer(_ key: String) async -> CachePurge {
        CachePurge(
            isFound: key == "kept" || key == "lost",
            silent: key == "far" ? ["us-2", "us-1"] : [],
            failed: key == "lost" ? ["ap-2", "ap-1"] : []
        )
    }

    func forgetCachedAnswers() async -> CachePurge { CachePurge(isFound: true) }

    func mark(_ mark: TargetMark) async throws(AdminError) {
        if mark.address == "127.0.0.9:1" { throw .refused("no such address") }
        self.told.withLock { $0.marks.append(mark) }
    }
    func logLevel() async -> String { self.told.withLock { $0.level } }
    func setLogLevel(_ level: String, for seconds: Int) async {
        self.told.withLock { $0.level = level }
    }

    private static func version(_ generation: Int) -> ConfigurationVersion {
        ConfigurationVersion(
            generation: UInt64(generation) + 1,
            hash: "\(generation)"
        )
    }

    func configurationVersion() async -> ConfigurationVersion { self.version }
    func declarativeText() async -> String { "_format_version: \"3.0\"\n" }
    func settings() async -> DocumentValue { .record(["node.name": .string("eu-1")]) }
    func traffic() async -> TrafficCounts {
        var counts = TrafficCounts()
        counts.accepted = 3
        counts.active = 1
        counts.requests = 7
        counts.residentBytes = 3 << 20
        return counts
    }
    func members() async -> MembersReport {
        MembersReport(members: [self.selfReport], view: self.view)
    }
    func regions() async -> RegionsReport {
        RegionsReport(regions: [RegionReport(name: "eu", state: .up)], view: self.view)
    }
    func health(of upstream: String?) async -> HealthReport {
        var dead = TargetHealthReport(
            target: "127.0.0.1:9002",
            address: "127.0.0.1:9002",
            weight: 50
        )
        dead.verdict = .excluded
        let fine = TargetHealthReport(
            target: "127.0.0.1:9001",
            address: "127.0.0.1:9001",
            weight: 100
        )
        let report = UpstreamHealthReport(
            id: Self.upstream,
            name: "api",
            algorithm: "round-robin",
            targets: [fine, dead]
        )
        let asked = upstream.map { $0 == "api" || $0 == Self.upstream } ?? true
        return HealthReport(upstreams: asked ? [report] : [], view: self.view)
    }
    func configurationStatus(including changeset: String) async -> ConfigurationStatusReport {
        let node = NodeConfigurationReport(
            name: "eu-1",
            region: "eu",
            member: .alive,
            state: .running,
            config: self.version
        )
        return ConfigurationStatusReport(config: self.version, nodes: [node], view: self.view)
    }
    func status() async -> StatusReport {
        StatusReport(node: self.selfReport, members: [self.selfReport], view: self.view)
    }
    func metrics() async -> String { "meshgate_up 1\n" }
    func readiness() async -> Readiness { self.ready }

    func validate(_ submission: Submission) async -> ValidationReport {
        ValidationReport(
            findings: submission.text.contains("wrong")
                ? [FindingReport(path: "wrong", message: "unknown field", line: 1, column: 1)] : [],
            warnings: []
        )
    }
    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport {
        if let refusal { throw refusal }
        return DifferenceReport(
            base: self.version,
            changes: self.changes(submission),
            warnings: []
        )
    }
    func apply(_ submission: Submission) async throws(AdminError) -> ApplyReport {
        if let refusal { throw refusal }
        self.told.withLock { $0.applied.append(submission) }
        return ApplyReport(
            config: self.version,
            base: self.version,
            changes: self.changes(submission),
            warnings: []
        )
    }
    func setMode(
        _ mode: MemberReport.Mode,
        of node: String,
        author: String
    ) async throws(AdminError) -> DrainReport {
        guard node == "eu-1" else { throw .unknownNode(node) }
        self.told.withLock { $0.modes.append("\(mode.rawValue) \(node) by \(author)") }
        return DrainReport(node: node, mode: mode, previous: .normal, inFlight: 2)
    }
    func reachability() async -> ReachabilityReport {
        var path = PathReport(name: "eu-2", region: "eu", address: "10.0.0.2:7946", state: .alive)
        path.udpMs = 0.4
        return ReachabilityReport(paths: [path], untried: 0, view: self.view)
    }
    func roundTrip(
        from one: String,
        to other: String
    ) async throws(AdminError) -> RoundTripReport {
        guard other != "nobody" else { throw .unknownNode(other) }
        var report = RoundTripReport(from: one, to: other, node: "eu-1")
        report.milliseconds = 81
        report.isMeasured = true
        return report
    }
    func keys() async -> KeysReport { KeysReport(keys: []) }
    func rotateKeys(_ step: KeyStep, isForced: Bool) async throws(AdminError) -> KeysReport {
        guard step != .retire(1) else { throw .refused("key 1 seals") }
        self.told.withLock { $0.modes.append("\(step)\(isForced ? " by force" : "")") }
        return KeysReport(keys: [])
    }
    func dismiss(
        _ node: String,
        forgetting: Bool
    ) async throws(AdminError) -> DismissalReport {
        guard node == "eu-1" else { throw .unknownNode(node) }
        self.told.withLock { $0.modes.append("\(forgetting ? "forget" : "expel") \(node)") }
        return DismissalReport(node: node, id: "1", isForgotten: forgetting)
    }
    func order(_ request: RegionOrderRequest) async throws(AdminError) -> RegionOrderReport {
        guard request.region == "eu" else {
            throw .refused("no region is called \(request.region)")
        }
        self.told.withLock { $0.regionOrders.append(request) }
        return RegionOrderReport(
            region: request.region,
            order: request.order,
            until: "2026-11-26T12:00:00.000Z",
            isDryRun: request.isDryRun,
            shifts: []
        )
    }
    func order(_ request: TargetOrderRequest) async throws(AdminError) -> TargetOrderReport {
        guard request.upstream == "api" else { throw .refused("unknown") }
        self.told.withLock { $0.targetOrders.append(request) }
        return TargetOrderReport(upstream: "api", target: request.target, order: request.order)
    }
    func balance(of name: String) async -> BalancesReport {
        let upstream = BalanceReport(
            upstream: "api",
            algorithm: "round-robin",
            regions: [],
            targets: []
        )
        return BalancesReport(upstreams: name == "api" ? [upstream] : [], view: self.view)
    }
    func why(_ subject: String) async -> WhyReport {
        WhyReport(
            subject: subject,
            upstreams: await self.balance(of: subject).upstreams,
            events: self.feed,
            view: self.view
        )
    }
    func upgrade() async -> UpgradeReport? { self.told.withLock { $0.upgrade } }
    func setUpgrade(_ upgrade: UpgradeReport) async throws(AdminError) {
        let isNext = self.told.withLock { told in
            guard upgrade.revision == (told.upgrade?.revision ?? 0) + 1 else { return false }
            told.upgrade = upgrade
            return true
        }
        guard isNext else { throw .refused("somebody else has written meanwhile") }
    }
    func requests(_ query: RequestQuery) async -> RequestsReport {
        var request = RequestReport(
            node: "eu-1",
            id: String(repeating: "a", count: 32),
            time: "2026-11-27T03:00:00.000Z",
            method: "GET",
            path: "/demo",
            status: 200
        )
        request.service = query.service
        let memory = MemoryReport(node: "eu-1", requests: 1, since: request.time)
        return RequestsReport(requests: [request], cursor: query.after ?? "7", memory: memory)
    }
    func trace(_ id: String) async -> TraceReport {
        TraceReport(id: id, requests: [], nodes: [MemoryReport(node: "eu-1")])
    }
    func ask(_ path: String, of node: String) async throws(AdminError) -> (Int, [UInt8]) {
        switch node {
        case "eu-2": (200, Array(#"{"asked":"\#(path)"}"#.utf8))
        case "eu-3": throw .failed("eu-3 did not answer")
        case "eu-4": (65_535, [])
        case "eu-5": (503, [])
        case "eu-6": (413, [])
        case "eu-7": (409, Array(#"{"code":"MESH105"}"#.utf8))
        default: throw .unknownNode(node)
        }
    }
    func protocolVersions() async -> ProtocolReport {
        ProtocolReport(finalized: 1, newest: 1, members: [])
    }
    func finalizeProtocol(author: String) async throws(AdminError) -> ProtocolReport {
        await self.protocolVersions()
    }
    func board(after mark: String?) async -> BoardChange { self.board.change(after: mark) }
    func boardChanges(after mark: String?) async -> AsyncStream<BoardChange> {
        self.board.changes(after: mark)
    }
    func events(after id: UInt64?) async -> AsyncStream<EventReport> {
        let (stream, continuation) = AsyncStream.makeStream(of: EventReport.self)
        for event in self.feed where event.id > id ?? 0 { continuation.yield(event) }
        return stream
    }

    private func changes(_ submission: Submission) -> [ChangeReport] {
        submission.text.contains("same")
            ? [] : [ChangeReport(action: .create, kind: "services", id: "i", name: "s", fields: [])]
    }
}

extension FakeNode {
    static let upstream = "aaaaaaaa-0000-0000-0000-000000000001"
    static let service = "bbbbbbbb-0000-0000-0000-000000000001"
    static let route = "cccccccc-0000-0000-0000-000000000001"
    static let certificate = "99999999-0000-0000-0000-000000000001"
    static let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    static let key = "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n"

    static func row(_ kind: EntityKind, _ fields: KeyValuePairs<String, DocumentValue>) -> EntityRow
    {
        let document = DocumentValue.record(fields)
        let id = document["id"]?.text.flatMap { EntityID($0) }
        return EntityRow(kind: kind, id: id ?? EntityID(high: 0, low: 0), document: document)
    }

    static let sampleRows: [EntityRow] = [
        row(
            .services,
            [
                "id": .string(service), "name": .string("web"), "host": .string("api"),
                "tags": .list([.string("blue"), .string("old")]),
            ]
        ),
        row(
            .services,
            [
                "id": .string("bbbbbbbb-0000-0000-0000-000000000002"), "name": .string("other"),
                "host": .string("other.example"), "tags": .list([.string("blue")]),
            ]
        ),
        row(
            .routes,
            [
                "id": .string(route), "name": .string("all"), "paths": .list([.string("/")]),
                "service": .record(["id": .string(service)]),
            ]
        ),
        row(.upstreams, ["id": .string(upstream), "name": .string("api")]),
        row(
            .targets,
            [
                "id": .string("dddddddd-0000-0000-0000-000000000001"),
                "target": .string("127.0.0.1:9001"), "weight": .integer(100),
                "upstream": .record(["id": .string(upstream)]), "created_at": .number(1.5),
            ]
        ),
        row(
            .targets,
            [
                "id": .string("dddddddd-0000-0000-0000-000000000002"),
                "target": .string("127.0.0.1:9002"), "weight": .integer(50),
                "upstream": .record(["id": .string(upstream)]), "created_at": .number(2.5),
            ]
        ),
        row(
            .plugins,
            [
                "id": .string("eeeeeeee-0000-0000-0000-000000000001"),
                "name": .string("correlation-id"), "instance_name": .string("ids"),
                "service": .record(["id": .string(service)]),
            ]
        ),
        row(
            .consumers,
            [
                "id": .string("ffffffff-0000-0000-0000-000000000001"),
                "username": .string("ann"), "custom_id": .string("4711"),
            ]
        ),
        row(
            .certificates,
            ["id": .string(certificate), "cert": .string(pem), "key": .string(key)]
        ),
    ]
}
