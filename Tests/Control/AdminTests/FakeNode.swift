import MeshAdmin
import MeshEntities
import MeshReports
import Synchronization

/// A node that answers from fixed values and notes what it is told.
final class FakeNode: AdminNode {
    struct Told: Equatable {
        var applied: [Submission] = []
        var modes: [String] = []
    }

    let identity = NodeIdentity(
        id: "11111111-1111-1111-1111-111111111111",
        name: "eu-1",
        version: "0.1.0",
        hostName: "host"
    )
    let rows: [EntityRow]
    let ready: Readiness
    let refusal: AdminError?
    let feed: [EventReport]
    let told = Mutex(Told())

    init(
        rows: [EntityRow] = FakeNode.sampleRows,
        ready: Readiness = .ready,
        refusal: AdminError? = nil,
        feed: [EventReport] = []
    ) {
        self.rows = rows
        self.ready = ready
        self.refusal = refusal
        self.feed = feed
    }

    private var view: ViewReport { ViewReport(node: "eu-1", ageSeconds: 0.3, members: 2) }
    private var version: ConfigurationVersion {
        ConfigurationVersion(milliseconds: 1_795_222_278_123, counter: 0, hash: "7c1e")
    }
    private var selfReport: MemberReport {
        var member = MemberReport(id: "a", name: "eu-1", region: "eu", address: "127.0.0.1:7946")
        member.isAsked = true
        member.config = self.version
        return member
    }

    func entities() async -> [EntityRow] { self.rows }
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
    func configurationStatus() async -> ConfigurationStatusReport {
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
        of node: String
    ) async throws(AdminError) -> DrainReport {
        guard node == "eu-1" else { throw .unknownNode(node) }
        self.told.withLock { $0.modes.append("\(mode.rawValue) \(node)") }
        return DrainReport(node: node, mode: mode, previous: .normal, inFlight: 2)
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

    static func row(_ kind: EntityKind, _ fields: KeyValuePairs<String, DocumentValue>) -> EntityRow
    {
        EntityRow(kind: kind, document: .record(fields))
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
                "tags": .list([.string("blue")]),
            ]
        ),
        row(
            .routes,
            [
                "id": .string("cccccccc-0000-0000-0000-000000000001"), "name": .string("all"),
                "service": .record(["id": .string(service)]), "tags": .null,
            ]
        ),
        row(.upstreams, ["id": .string(upstream), "name": .string("api"), "tags": .null]),
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
            [
                "id": .string("99999999-0000-0000-0000-000000000001"), "cert": .string("PEM"),
                "key": .string("SECRET"), "key_alt": .null,
            ]
        ),
    ]
}
