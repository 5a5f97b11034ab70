import Foundation
import MeshAdmin
import MeshDashboard
import MeshDataPlane
import MeshEntities
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshStorage
import MeshTransport
import MeshWire

/// What another node answered, unpacked.
struct NodeAnswer: Sendable {
    let status: UInt16
    let body: [UInt8]
}

extension NodeAdmin {
    /// Nodes that one question about a request asks at most.
    private static let traceLimit = 256
    /// Most bytes of an answer, unpacked: 64 MiB.
    private static let answerByteLimit: UInt64 = 64 << 20
    /// Nodes that are asked at the same time at most.
    private static let askedAtOnce = 128

    func requests(_ query: RequestQuery) async -> RequestsReport {
        let found = self.dataPlane.recentRequests(after: query.after, limit: query.limit) { one in
            guard query.service != nil || query.route != nil else {
                return query.matches(
                    status: one.status,
                    service: nil,
                    route: nil,
                    milliseconds: Double(one.requestMicroseconds) / 1_000
                )
            }
            let places = Places(one)
            return query.matches(
                status: one.status,
                service: places.service,
                route: places.route,
                milliseconds: Double(one.requestMicroseconds) / 1_000
            )
        }
        var report = RequestsReport(
            requests: found.requests.map { self.report($0) },
            cursor: found.cursor,
            memory: self.memory
        )
        report.matched = found.matched
        report.lost = found.lost
        return report
    }

    func trace(_ id: String) async -> TraceReport {
        let own = self.ownTrace(id)
        let members = await self.cluster.members().filter { $0.id != self.node }
        let present = members.filter(\.state.isPresent)
        // Whoever failed may have served it, and cannot be asked.
        let failed = members.filter { $0.state == .failed }
        let answers = await self.ask(
            "/mesh/trace/\(Self.escaped(Self.start(of: id)))",
            of: Array(present.prefix(Self.traceLimit))
        ).map { member, answer in
            let report = answer.flatMap { answer in
                try? ReportJSON.decode(TraceReport.self, from: Data(answer.body))
            }
            let silent = MemoryReport(node: member.profile.name, isReached: false)
            return report ?? TraceReport(id: id, requests: [], nodes: [silent])
        }
        return TraceReport(
            id: id,
            requests: own.requests + answers.flatMap(\.requests),
            nodes: own.nodes + answers.flatMap(\.nodes)
                + (present.dropFirst(Self.traceLimit) + failed).map {
                    MemoryReport(node: $0.profile.name, isReached: false)
                }
        )
    }

    /// Members that are there, this node left out.
    func others() async -> [Member] {
        await self.cluster.members().filter { $0.id != self.node && $0.state.isPresent }
    }

    /// Asks members, so many at a time; nil for one that does not answer in time.
    func ask(
        _ path: String,
        of members: [Member]
    ) async -> [(member: Member, answer: NodeAnswer?)] {
        await withTaskGroup(of: (Member, NodeAnswer?).self) { group in
            var answers: [(member: Member, answer: NodeAnswer?)] = []
            var rest = members[...]
            while answers.count < members.count {
                while answers.count + Self.askedAtOnce > members.count - rest.count,
                    let member = rest.popFirst()
                {
                    group.addTask { (member, await self.answer(of: member.id, to: path)) }
                }
                guard let answer = await group.next() else { break }
                answers.append(answer)
            }
            return answers
        }
    }

    /// Asks one member; nil when it does not answer in time, or not in a form that is one.
    private func answer(of id: NodeID, to path: String) async -> NodeAnswer? {
        guard let answer = await self.cluster.ask(path, of: id) else { return nil }
        // One that is too long comes without a body.
        guard !answer.body.isEmpty else { return NodeAnswer(status: answer.status, body: []) }
        return PackedBytes.unpack(answer.body, limit: Self.answerByteLimit).map {
            NodeAnswer(status: answer.status, body: $0)
        }
    }

    func ask(_ path: String, of name: String) async throws(AdminError) -> (Int, [UInt8]) {
        if name == self.identity.name || name == self.identity.id {
            let (status, body) = await self.answer(to: path)
            return (Int(status), body)
        }
        let members = await self.cluster.members()
        guard
            let member = members.first(where: {
                $0.profile.name == name || $0.id.description == name
            })
        else { throw .unknownNode(name) }
        guard let answer = await self.answer(of: member.id, to: path) else {
            throw .failed(
                "\(name) did not answer within 3 s; meshctl reachability shows the way to it"
            )
        }
        return (Int(answer.status), answer.body)
    }

    /// Answers what another node asks, packed; these paths only, which read, forget cached
    /// answers, or tell an operator's word about a target.
    func respond(to path: String) async -> (status: UInt16, body: [UInt8]) {
        let (status, body) = await self.answer(to: path)
        return (status, PackedBytes.pack(body))
    }

    private func answer(to path: String) async -> (status: UInt16, body: [UInt8]) {
        guard let parts = URLComponents(string: path) else { return (400, []) }
        let arguments = Dictionary(
            (parts.queryItems ?? []).map { ($0.name, $0.value ?? "") },
            uniquingKeysWith: { first, _ in first }
        )
        // An id may hold a stroke of its own.
        let segments = parts.percentEncodedPath.split(separator: "/")
            .map { String($0).removingPercentEncoding ?? String($0) }
        switch (segments.first, segments.dropFirst().first, segments.count) {
        case ("mesh", "trace", 3): return Self.json(self.ownTrace(segments[2]))
        case ("mesh", "cache", 3):
            return self.respondOfCache(segments[2], key: arguments["key"])
        case ("mesh", "mark", 3): return (await self.respondOfMark(segments[2], arguments), [])
        default:
            let (status, body) = await PeerPaths(node: self).answer(path)
            return (UInt16(clamping: status), body)
        }
    }

    private static func json(_ report: some Encodable) -> (status: UInt16, body: [UInt8]) {
        guard let data = try? ReportJSON.encode(report) else { return (500, []) }
        return (200, Array(data))
    }

    static func escaped(_ text: String) -> String {
        let plain = CharacterSet.alphanumerics.intersection(CharacterSet(charactersIn: "\0"..."~"))
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }

    /// So much of an id that a question holds it, escaped; nodes remember less.
    private static func start(of id: String) -> String {
        var count = 0
        let start = id.unicodeScalars.prefix { scalar in
            count += UTF8.width(scalar)
            return count <= 256
        }
        return String(String.UnicodeScalarView(start))
    }

    /// What this node alone remembers of an id.
    private func ownTrace(_ id: String) -> TraceReport {
        TraceReport(
            id: id,
            requests: self.dataPlane.recentRequests(named: id).map { self.report($0) },
            nodes: [self.memory]
        )
    }

    private var memory: MemoryReport {
        let window = self.dataPlane.recentWindow
        return MemoryReport(
            node: self.identity.name,
            requests: window.count,
            since: window.since.map { Timestamp.text(milliseconds: $0) }
        )
    }

    private func report(_ one: RecentRequest) -> RequestReport {
        var report = RequestReport(
            node: self.identity.name,
            id: one.id,
            time: Timestamp.text(milliseconds: one.milliseconds),
            method: one.method,
            path: one.path,
            status: one.status
        )
        let places = Places(one)
        (report.service, report.route, report.target) =
            (places.service, places.route, places.target)
        report.correlation = one.correlation.isEmpty ? nil : one.correlation
        report.plugin = one.plugin.isEmpty ? nil : one.plugin
        report.changedBy = one.changedBy
        (report.client, report.host) = (one.client, one.host)
        report.attempts = one.attempts
        (report.errorOwner, report.errorCause) = (one.failure?.owner, one.failure?.cause)
        report.isCut = one.isCut
        (report.receivedBytes, report.sentBytes) = (one.received, one.returned)
        report.totalMs = Double(one.requestMicroseconds) / 1_000
        report.upstreamMs = one.upstreamMicroseconds.map { Double($0) / 1_000 }
        return report
    }
}

/// Where a request went, by name.
private struct Places {
    let service: String?
    let route: String?
    let target: String?

    init(_ request: RecentRequest) {
        let document = try? JSONText.parse(Array(request.places.utf8)).value
        let text = { (name: String) in
            document?[name]?.text.flatMap { $0.isEmpty ? nil : $0 }
        }
        self.service = text("service")
        self.route = text("route")
        self.target = text("upstream")
    }
}
