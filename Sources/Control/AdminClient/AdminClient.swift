import Foundation
public import MeshReports
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks one node's Admin API, in types.
///
/// Every call opens a connection of its own and ends within the time limit, except
/// ``watchEvents(after:opened:_:)``, where the limit holds for the beginning only.
public struct AdminClient: Sendable {
    /// Where the node listens.
    public let address: AdminAddress
    /// The limit of one call.
    public let timeout: Duration
    private let security: AdminClientSecurity
    /// The node that the one at ``address`` is asked about, when it is another.
    public private(set) var subject: String?

    /// Creates a client; nothing is sent yet.
    ///
    /// - Throws: ``AdminClientError/invalidAddress(_:)``.
    public init(
        base: String,
        timeout: Duration = .seconds(5),
        security: AdminClientSecurity = .none
    ) throws(AdminClientError) {
        self.address = try AdminAddress(base)
        self.timeout = timeout
        self.security = security
    }

    /// A client of another node of the same mesh, at `ADDRESS:PORT`, with the same credentials.
    ///
    /// - Throws: ``AdminClientError/invalidAddress(_:)``.
    public func sibling(
        at address: String,
        timeout: Duration
    ) throws(AdminClientError) -> AdminClient {
        let scheme = self.address.isSecure ? "https" : "http"
        return try AdminClient(
            base: "\(scheme)://\(address)",
            timeout: timeout,
            security: self.security
        )
    }

    /// The same client, which has the node of this name asked through the mesh.
    ///
    /// Only what nodes show each other can be asked so: status, members, regions, health, what they run,
    /// history, roll-out, upgrade, board, requests, round trips and metrics. Everything else is
    /// answered 404 or 405.
    public func through(to node: String) -> AdminClient {
        var client = self
        client.subject = node
        return client
    }

    /// All members as the node believes them.
    public func members() async throws(AdminClientError) -> MembersReport {
        try await self.get("/mesh/members")
    }

    /// All regions as the node believes them.
    public func regions() async throws(AdminClientError) -> RegionsReport {
        try await self.get("/mesh/regions")
    }

    /// Targets of all upstreams, or of one, with everybody's evidence.
    public func health(of upstream: String? = nil) async throws(AdminClientError) -> HealthReport {
        try await self.get("/mesh/health" + (upstream.map { "/" + Self.escaped($0) } ?? ""))
    }

    /// One screen about the node and the mesh.
    public func status() async throws(AdminClientError) -> StatusReport {
        try await self.get("/mesh/status")
    }

    /// Which configuration every member runs, and whether that includes a changeset.
    public func configurationStatus(
        including changeset: String = ""
    ) async throws(AdminClientError) -> ConfigurationStatusReport {
        try await self.get("/mesh/config/status?changeset=\(Self.escaped(changeset))")
    }

    /// The newest changesets that are not folded, newest first; at most `count`, up to 10,000.
    public func history(last count: Int) async throws(AdminClientError) -> HistoryReport {
        try await self.get("/mesh/config/history?size=\(count)")
    }

    /// One changeset by its id or generation, with all that it changed.
    public func changeset(
        _ name: String
    ) async throws(AdminClientError) -> ChangesetDetailReport {
        try await self.get("/mesh/config/changesets/\(Self.escaped(name))")
    }

    /// Compares two configurations of the past; an empty name is the newest.
    public func difference(
        from old: String,
        to new: String
    ) async throws(AdminClientError) -> DifferenceReport {
        try await self.get(
            "/mesh/config/diff?from=\(Self.escaped(old))&to=\(Self.escaped(new))"
        )
    }

    /// Brings a configuration of the past back by a new changeset, if the node still holds the one
    /// with the hash `base`.
    public func rollBack(
        to place: String,
        message: String,
        base: String?
    ) async throws(AdminClientError) -> ApplyReport {
        var path = "/mesh/config/rollback?to=\(Self.escaped(place))"
        path += "&message=\(Self.escaped(message))"
        if let base { path += "&base=\(Self.escaped(base))" }
        return try await self.post(path, "")
    }

    /// Changes that met others which their writers had not seen, newest first.
    public func conflicts() async throws(AdminClientError) -> ConflictsReport {
        try await self.get("/mesh/config/conflicts")
    }

    /// Writes what did not stand in a conflict over what stood.
    public func applyLoser(
        of conflict: String,
        message: String
    ) async throws(AdminClientError) -> ApplyReport {
        try await self.post(
            "/mesh/config/conflicts/\(Self.escaped(conflict))/apply"
                + "?message=\(Self.escaped(message))",
            ""
        )
    }

    /// The configuration that the node holds.
    public func configuration() async throws(AdminClientError) -> ConfigurationReport {
        try await self.get("/mesh/config")
    }

    /// Checks a declarative text at the node, without applying it.
    public func validate(
        _ text: String,
        name: String
    ) async throws(AdminClientError) -> ValidationReport {
        try await self.post("/mesh/config/validate?name=\(Self.escaped(name))", text)
    }

    /// Compares a declarative text with what the node holds, or with what of it has all of some tags.
    public func difference(
        _ text: String,
        name: String,
        selectTags: [String] = []
    ) async throws(AdminClientError) -> DifferenceReport {
        try await self.post(
            "/mesh/config/diff?name=\(Self.escaped(name))\(Self.selecting(selectTags))",
            text
        )
    }

    /// The roll-out that there is, or was last.
    public func rollOut() async throws(AdminClientError) -> RollOutReport {
        try await self.get("/mesh/config/roll-out")
    }

    /// Does what an operator asks of the roll-out: `pause`, `resume` or `abort`.
    public func perform(_ action: String) async throws(AdminClientError) -> RollOutReport {
        try await self.post("/mesh/config/roll-out/\(Self.escaped(action))", "")
    }

    /// Replaces the whole configuration, or what of it has all of some tags, if the node still holds
    /// the one with the hash `base`; in waves when limits are given.
    public func apply(
        _ text: String,
        name: String,
        message: String,
        base: String?,
        selectTags: [String] = [],
        rollOut: RollOutLimits? = nil
    ) async throws(AdminClientError) -> ApplyReport {
        var path = "/mesh/config?name=\(Self.escaped(name))&message=\(Self.escaped(message))"
        if let rollOut {
            path += "&guard=\(Self.escaped(rollOut.guarding))&hold=\(rollOut.holdSeconds)"
        }
        path += Self.selecting(selectTags)
        if let base { path += "&base=\(Self.escaped(base))" }
        return try await self.post(path, text)
    }

    /// The whole mesh as one document, as its bytes came; with its keys when asked.
    public func backup(
        withKeys: Bool
    ) async throws(AdminClientError) -> (report: BackupReport, bytes: [UInt8]) {
        let answer = try await self.send(
            .GET,
            "/mesh/backup\(withKeys ? "?with_keys=1" : "")",
            ""
        )
        return (try self.report(answer), answer.body)
    }

    /// Takes a backup over into a mesh without configuration, or replaces the configuration by it.
    public func restore(
        _ text: String,
        replacing: Bool,
        message: String
    ) async throws(AdminClientError) -> ApplyReport {
        try await self.post(
            "/mesh/restore?replace=\(replacing ? 1 : 0)&message=\(Self.escaped(message))",
            text
        )
    }

    /// Says what is wanted of a region, or only what it would mean.
    public func order(
        _ order: RegionOrderReport.Order,
        of region: String,
        seconds: Double,
        isDryRun: Bool,
        isForced: Bool
    ) async throws(AdminClientError) -> RegionOrderReport {
        try await self.post(
            "/mesh/regions/\(Self.escaped(region))/\(order.rawValue)?for=\(Int(seconds))"
                + "&dry_run=\(isDryRun ? 1 : 0)&force=\(isForced ? 1 : 0)",
            ""
        )
    }

    /// Says what is wanted of a target.
    public func order(
        _ order: TargetOrderReport.Order,
        of target: String,
        in upstream: String
    ) async throws(AdminClientError) -> TargetOrderReport {
        try await self.post(
            "/mesh/upstreams/\(Self.escaped(upstream))/targets/\(Self.escaped(target))/"
                + order.rawValue,
            ""
        )
    }

    /// How requests of a service or upstream are shared out.
    public func balance(of name: String) async throws(AdminClientError) -> BalancesReport {
        try await self.get("/mesh/balance/\(Self.escaped(name))")
    }

    /// How a service, upstream or target stands and how it came to that.
    public func why(_ subject: String) async throws(AdminClientError) -> WhyReport {
        try await self.get("/mesh/why/\(Self.escaped(subject))")
    }

    /// Takes a member out: it finishes what it has and takes nothing new.
    public func drain(_ node: String) async throws(AdminClientError) -> DrainReport {
        try await self.post("/mesh/nodes/\(Self.escaped(node))/drain", "")
    }

    /// Puts a member back.
    public func resume(_ node: String) async throws(AdminClientError) -> DrainReport {
        try await self.post("/mesh/nodes/\(Self.escaped(node))/resume", "")
    }

    /// One member, by name or id, as the node believes it.
    public func member(_ name: String) async throws(AdminClientError) -> MemberReport {
        try await self.get("/mesh/members/\(Self.escaped(name))")
    }

    /// Which ways from the node to the others work; it tries them now.
    public func reachability() async throws(AdminClientError) -> ReachabilityReport {
        try await self.get("/mesh/reachability")
    }

    /// The round trip between two members, as far as the node knows.
    public func roundTrip(
        from one: String,
        to other: String
    ) async throws(AdminClientError) -> RoundTripReport {
        try await self.get("/mesh/rtt/\(Self.escaped(one))/\(Self.escaped(other))")
    }

    /// The keys of the ring, and who holds which.
    public func keys() async throws(AdminClientError) -> KeysReport {
        try await self.get("/mesh/keys")
    }

    /// Draws a new key, which then opens everywhere.
    public func stageKey(isForced: Bool) async throws(AdminClientError) -> KeysReport {
        try await self.post("/mesh/keys/stage?force=\(isForced)", "")
    }

    /// Lets all seal with a key.
    public func activateKey(
        _ epoch: Int,
        isForced: Bool
    ) async throws(AdminClientError) -> KeysReport {
        try await self.post("/mesh/keys/\(epoch)/activate?force=\(isForced)", "")
    }

    /// Takes a key out.
    public func retireKey(
        _ epoch: Int,
        isForced: Bool
    ) async throws(AdminClientError) -> KeysReport {
        try await self.post("/mesh/keys/\(epoch)/retire?force=\(isForced)", "")
    }

    /// Takes a member that is gone off the list, at all nodes.
    public func forget(_ node: String) async throws(AdminClientError) -> DismissalReport {
        try await self.post("/mesh/nodes/\(Self.escaped(node))/forget", "")
    }

    /// Declares a member gone that failed, at all nodes.
    public func forceLeave(_ node: String) async throws(AdminClientError) -> DismissalReport {
        try await self.post("/mesh/nodes/\(Self.escaped(node))/force-leave", "")
    }

    /// The body and status of any path, for what has no type here.
    public func raw(_ path: String) async throws(AdminClientError) -> (status: Int, body: String) {
        let answer = try await self.send(.GET, path, "")
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    /// Hands on events after the one with this id, then new ones, until `each` throws or the
    /// surrounding task is cancelled; `opened` is called when the node has begun to answer.
    ///
    /// - Throws: what `each` throws, or ``AdminClientError`` when the stream cannot be had or ends.
    public func watchEvents(
        after id: UInt64? = nil,
        opened: () -> Void = {},
        _ each: (EventReport) async throws -> Void
    ) async throws {
        var exchange = HTTPExchange(
            address: self.address,
            security: self.security,
            method: .GET,
            path: "/mesh/events"
        )
        exchange.headers.append(("Accept", "text/event-stream"))
        if let id { exchange.headers.append(("Last-Event-ID", String(id))) }
        let place = self.address.authority
        var parser = EventStreamParser()
        do {
            try await exchange.read(timeout: self.timeout) { status in
                guard status == 200 else {
                    throw AdminClientError.unexpected(address: place, reason: "status \(status)")
                }
                opened()
                return true
            } piece: { bytes in
                for event in try parser.receive(bytes) {
                    try await each(
                        try ReportJSON.decode(EventReport.self, from: Data(event.utf8))
                    )
                }
            }
        } catch let error where Self.isOurs(error) {
            throw self.translated(error)
        }
        throw AdminClientError.unreachable(address: place, reason: "the node ended the stream")
    }

    /// The newest upgrade of the fleet; `nil` before the first.
    public func upgrade() async throws(AdminClientError) -> UpgradeReport? {
        do {
            return try await self.get("/mesh/upgrade")
        } catch .refused(404, _) {
            return nil
        }
    }

    /// Writes how an upgrade stands; its revision is one more than that of the one it replaces.
    public func setUpgrade(_ upgrade: UpgradeReport) async throws(AdminClientError) {
        guard let data = try? ReportJSON.encode(upgrade) else { return }
        let _: UpgradeReport = try await self.post(
            "/mesh/upgrade",
            String(decoding: data, as: UTF8.self)
        )
    }

    /// What a node remembers of requests, read through the node asked.
    public func requests(
        of node: String,
        _ query: RequestQuery
    ) async throws(AdminClientError) -> RequestsReport {
        let arguments = query.arguments.map { "\($0.name)=\(Self.escaped($0.value))" }
        return try await self.through(to: node)
            .get("/mesh/requests?\(arguments.joined(separator: "&"))")
    }

    /// What all nodes remember of a request.
    public func trace(_ id: String) async throws(AdminClientError) -> TraceReport {
        try await self.get("/mesh/trace/\(Self.escaped(id))")
    }

    /// Which protocol versions the members speak, and which one the fleet was finalized at.
    public func protocolVersions() async throws(AdminClientError) -> ProtocolReport {
        try await self.get("/mesh/protocol")
    }

    /// Finalizes the fleet at the newest version that the node speaks.
    public func finalizeProtocol() async throws(AdminClientError) -> ProtocolReport {
        try await self.post("/mesh/protocol/finalize", "")
    }

    /// The node's metrics in Prometheus' text form.
    public func metrics() async throws(AdminClientError) -> String {
        String(decoding: try await self.send(.GET, "/metrics", "").body, as: UTF8.self)
    }

    private func get<Report: Decodable>(_ path: String) async throws(AdminClientError) -> Report {
        try self.report(await self.send(.GET, path, ""))
    }

    private func post<Report: Decodable>(
        _ path: String,
        _ text: String
    ) async throws(AdminClientError) -> Report {
        try self.report(await self.send(.POST, path, text))
    }

    private func report<Report: Decodable>(
        _ answer: HTTPExchange.Answer
    ) throws(AdminClientError) -> Report {
        let data = Data(answer.body)
        do {
            if (200..<300).contains(answer.status) {
                return try ReportJSON.decode(Report.self, from: data)
            }
            let failure = try ReportJSON.decode(FailureReport.self, from: data)
            // What a proxy's port says to whoever takes it for the Admin API's.
            guard failure.message != "no Route matched with those values" else {
                throw AdminClientError.unexpected(
                    address: self.address.authority,
                    reason: "this is a port of its proxy"
                )
            }
            throw AdminClientError.refused(status: answer.status, failure)
        } catch let error as AdminClientError {
            throw error
        } catch {
            throw .unexpected(
                address: self.address.authority,
                reason: "status \(answer.status), \(answer.body.count) bytes that are no report"
            )
        }
    }

    private func send(
        _ method: HTTPMethod,
        _ path: String,
        _ text: String
    ) async throws(AdminClientError) -> HTTPExchange.Answer {
        var exchange = HTTPExchange(
            address: self.address,
            security: self.security,
            method: method,
            path: self.addressed(path)
        )
        if !text.isEmpty {
            exchange.headers.append(("Content-Type", "application/yaml"))
            exchange.body = Array(text.utf8)
        }
        do {
            return try await self.withinTimeout(exchange)
        } catch {
            throw self.translated(error)
        }
    }

    /// The path by which the node asked has another one asked.
    private func addressed(_ path: String) -> String {
        guard let subject = self.subject else { return path }
        let rest = path.hasPrefix("/mesh/") ? String(path.dropFirst(5)) : path
        return "/mesh/nodes/\(Self.escaped(subject))\(rest)"
    }

    /// Whether an error is the connection's, not one of whoever reads the stream.
    private static func isOurs(_ error: any Error) -> Bool {
        error is ChannelError || error is NIOConnectionError || error is IOError
            || error is HTTPParserError || error is TLSRefusal
    }

    /// What went wrong, in terms of the operator.
    private func translated(_ error: any Error) -> AdminClientError {
        let place = self.address.authority
        switch error {
        case let known as AdminClientError: return known
        case let refusal as TLSRefusal:
            return .untrusted(address: place, reason: refusal.reason)
        case ChannelError.connectTimeout: return .timedOut(address: place, after: self.timeout)
        case let failed as NIOConnectionError:
            let first = failed.connectionErrors.first?.error
            return .unreachable(address: place, reason: first.map(Self.words) ?? "unknown host")
        default: return .unreachable(address: place, reason: Self.words(error))
        }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }

    private func withinTimeout(_ exchange: HTTPExchange) async throws -> HTTPExchange.Answer {
        let timeout = self.timeout
        let place = self.address.authority
        return try await withThrowingTaskGroup(of: HTTPExchange.Answer.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await exchange.answer(timeout: timeout) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw AdminClientError.timedOut(address: place, after: timeout)
            }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    private static func selecting(_ tags: [String]) -> String {
        tags.isEmpty ? "" : "&select_tags=\(Self.escaped(tags.joined(separator: ",")))"
    }

    static func escaped(_ text: String) -> String {
        var allowed = CharacterSet.urlPathAllowed
        allowed.remove(charactersIn: "/+&=?;:@")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}
