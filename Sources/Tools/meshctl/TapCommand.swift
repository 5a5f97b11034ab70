import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Prints requests of the whole mesh as they end.
struct TapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Print a sample of live requests with what was decided about them.",
        discussion: """
            Route, target, tries, status, times and who answered; never credentials, header fields, \
            queries or content. All nodes are asked through the one that --admin names. Of more than \
            --rate requests per second every so many are shown; how many matched is said at the end. \
            -o json prints one object per line, as jsonl does.

            Exit status: 0 ended by --count or --seconds; 2 so, but a node of --on never answered; 69 \
            the node asked did not answer.

            Example: meshctl tap --status 5xx --count 20
            """
    )

    /// Between two rounds; each shows half of what a second may show.
    private var interval: Duration { self.rate > 1 ? .milliseconds(500) : .seconds(1) }

    @Option(help: "Only requests of this service.")
    var service: String?

    @Option(help: "Only requests of this route.")
    var route: String?

    @Option(help: "Only answers of this status, such as 404, or 5xx.")
    var status: String?

    @Option(help: "Only requests that took at least so many milliseconds.")
    var slowerThan = 0.0

    @Option(help: "Only requests at this node; may be repeated.", completion: Suggestions.nodes)
    var on: [String] = []

    @Option(help: "Most requests shown per second and node, 1 to 1000.")
    var rate = 20

    @Option(help: "End after so many.")
    var count: Int?

    @Option(help: "End after so many seconds.")
    var seconds: Double?

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(self.rate) else {
            throw ValidationError("--rate is \(self.rate), but must be 1 to 1000")
        }
        if let status, !RequestQuery.isStatus(status) {
            throw ValidationError("--status is \(status), but must be a status such as 404, or 5xx")
        }
        guard (0...86_400_000).contains(self.slowerThan) else {
            throw ValidationError("--slower-than is \(self.slowerThan), but must be 0 to 86400000")
        }
        if let count, count < 1 {
            throw ValidationError("--count is \(count), but must be above 0")
        }
        if let seconds, seconds <= 0 {
            throw ValidationError("--seconds is \(seconds), but must be above 0")
        }
    }

    func run() async throws {
        let client = try self.node.client()
        var sample = TapSample(count: self.count)
        let end = self.seconds.map { ContinuousClock.now.advanced(by: .seconds($0)) }
        var cursors: [String: String] = [:]
        var silent: Set<String> = []
        while !sample.isFull, end.map({ ContinuousClock.now < $0 }) ?? true {
            for name in try await self.nodes(client) {
                var query = self.query
                query.after = cursors[name]
                guard let report = try await self.ask(name, query, client) else {
                    if silent.insert(name).inserted {
                        Terminal.note("\(name) does not answer; asking on")
                    }
                    continue
                }
                cursors[name] = report.cursor
                for request in sample.take(report) { try self.show(request) }
            }
            if !sample.isFull { try await Task.sleep(for: self.interval) }
        }
        Terminal.note(sample.summary)
        guard self.on.allSatisfy({ cursors[$0] != nil }) else { throw ExitCode.unclean }
    }

    private var query: RequestQuery {
        var query = RequestQuery()
        query.service = self.service
        query.route = self.route
        query.status = self.status
        query.slowerThan = self.slowerThan
        query.limit = max(1, min(self.rate / 2, RequestQuery.limitRange.upperBound))
        return query
    }

    /// What a node tells; `nil` when the asked one cannot reach it just now.
    private func ask(
        _ name: String,
        _ query: RequestQuery,
        _ client: AdminClient
    ) async throws -> RequestsReport? {
        do throws(AdminClientError) {
            return try await client.requests(of: name, query)
        } catch {
            if case .refused(let status, _) = error, status >= 500 { return nil }
            throw error
        }
    }

    private func nodes(_ client: AdminClient) async throws -> [String] {
        if !self.on.isEmpty { return self.on }
        return try await client.members().members.filter { $0.state == .alive }.map(\.name)
    }

    private func show(_ request: RequestReport) throws {
        switch self.output.output {
        case .table, .wide:
            let style = Terminal.style(isWide: self.output.output == .wide)
            Terminal.result(RequestLine(request).text(style) + "\n")
        case .json, .jsonl: Terminal.result(try OutputOptions.json(request, .compact) + "\n")
        case .name: Terminal.result("\(request.id)\n")
        }
    }
}

/// What a tap has shown.
private struct TapSample {
    let count: Int?
    private var shown = 0
    private var matched = 0
    private var lost: UInt64 = 0

    init(count: Int?) { self.count = count }

    var isFull: Bool { self.count.map { self.shown >= $0 } ?? false }

    /// Those of an answer that are shown.
    mutating func take(_ report: RequestsReport) -> ArraySlice<RequestReport> {
        let left = self.count.map { max(0, $0 - self.shown) } ?? .max
        let some = report.requests.prefix(left)
        self.shown += some.count
        self.matched += report.matched
        self.lost += report.lost
        return some
    }

    var summary: String {
        let lost = self.lost > 0 ? ", \(self.lost) came too fast to be looked at" : ""
        return "\(self.shown) shown of \(self.matched) that matched\(lost)"
    }
}

/// Finds a request by its id, wherever it was served.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Find a request by its id at all nodes.",
        discussion: """
            The id is what the client was told by X-Kong-Request-Id, or the value of correlation-id. \
            Every node remembers its newest requests (proxy.recent_requests); of an id that is older \
            each says since when it remembers.

            Exit status: 0 found; 2 no node remembers it; 69 the node asked did not answer.

            Example: meshctl trace 8f2d1c6f0a3b4e5d9c7b6a5f4e3d2c1b
            """
    )

    @Argument(help: "A request id or correlation id.")
    var id: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !self.id.isEmpty else { throw ValidationError("the id is empty") }
    }

    func run() async throws {
        let report = try await self.node.client().trace(self.id)
        Terminal.result(
            try self.output.text(
                report,
                items: report.requests,
                names: report.requests.map(\.id)
            ) { _ in TraceScreen(report).text }
        )
        guard !report.requests.isEmpty else { throw ExitCode.unclean }
    }
}
