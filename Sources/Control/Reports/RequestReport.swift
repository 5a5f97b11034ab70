/// One request that is over, with what was decided about it; without credentials, header fields, query
/// and content.
public struct RequestReport: Codable, Equatable, Sendable {
    /// The node that served it.
    public var node: String
    /// Its request id, as the client was told it.
    public var id: String
    /// What the plugin `correlation-id` found or made; `nil` without it.
    @Nullable public var correlation: String? = nil
    /// When it ended, RFC 3339 in UTC.
    public var time: String
    /// The client's address.
    public var client: String
    /// The method.
    public var method: String
    /// The authority that it named.
    public var host: String
    /// The path, without the query.
    public var path: String
    /// The service that it was for; `nil` when no route matched, or the route has none.
    @Nullable public var service: String? = nil
    /// The route that matched.
    @Nullable public var route: String? = nil
    /// The target asked last.
    @Nullable public var target: String? = nil
    /// Targets tried.
    public var attempts: Int
    /// What the client was answered; 499 when it left before.
    public var status: Int
    /// The plugin that answered in place of a target.
    @Nullable public var plugin: String? = nil
    /// The plugins that changed the request or its answer, in their order.
    public var changedBy: [String]
    /// Who failed: `client`, `target` or `gateway`.
    @Nullable public var errorOwner: String? = nil
    /// How, as the access log spells it.
    @Nullable public var errorCause: String? = nil
    /// Whether an answer that had begun was broken off.
    public var isCut: Bool
    /// Bytes that came from the client.
    public var receivedBytes: UInt64
    /// Bytes sent to the client.
    public var sentBytes: UInt64
    /// From the request's first byte to the answer's last, in milliseconds.
    public var totalMs: Double
    /// How long the last target was waited for, in milliseconds; `nil` when none answered.
    @Nullable public var upstreamMs: Double? = nil

    /// Creates a report about a request that a plugin or the gateway answered; set the rest afterwards.
    public init(node: String, id: String, time: String, method: String, path: String, status: Int) {
        self.node = node
        self.id = id
        self.time = time
        self.client = ""
        self.method = method
        self.host = ""
        self.path = path
        self.attempts = 0
        self.status = status
        self.changedBy = []
        self.isCut = false
        self.receivedBytes = 0
        self.sentBytes = 0
        self.totalMs = 0
    }
}

/// What a node remembers of requests.
public struct MemoryReport: Codable, Equatable, Sendable {
    /// The node.
    public var node: String
    /// Whether it answered.
    public var isReached: Bool
    /// How many requests it remembers.
    public var requests: Int
    /// When the oldest of them ended, RFC 3339 in UTC; `nil` when it remembers none.
    @Nullable public var since: String? = nil

    /// Creates a report.
    public init(node: String, isReached: Bool = true, requests: Int = 0, since: String? = nil) {
        self.node = node
        self.isReached = isReached
        self.requests = requests
        self.since = since
    }
}

/// The answer of `/mesh/requests`: requests that ended at one node.
public struct RequestsReport: Codable, Equatable, Sendable {
    /// The oldest first.
    public var requests: [RequestReport]
    /// Where the next question goes on: its `after`.
    public var cursor: String
    /// Requests that matched; more than ``requests`` when there was no room for all.
    public var matched: Int
    /// Requests that the node no longer remembered when it was asked.
    public var lost: UInt64
    /// What the node remembers.
    public var memory: MemoryReport

    /// Creates an answer.
    public init(requests: [RequestReport], cursor: String, memory: MemoryReport) {
        self.requests = requests
        self.cursor = cursor
        self.matched = requests.count
        self.lost = 0
        self.memory = memory
    }
}

/// The answer of `/mesh/trace/{id}`: where a request went, as all nodes remember it.
public struct TraceReport: Codable, Equatable, Sendable {
    /// The request id or correlation id asked for.
    public var id: String
    /// Requests of that id, the oldest first; several when a correlation id goes with several.
    public var requests: [RequestReport]
    /// The nodes asked, by name.
    public var nodes: [MemoryReport]

    /// Creates an answer.
    public init(id: String, requests: [RequestReport], nodes: [MemoryReport]) {
        self.id = id
        self.requests = requests.sorted { ($0.time, $0.node) < ($1.time, $1.node) }
        self.nodes = nodes.sorted { $0.node < $1.node }
    }
}

/// Which requests of a node are asked for; the query of `/mesh/requests`.
public struct RequestQuery: Equatable, Sendable {
    /// Most requests of one answer: 500.
    public static let limitRange = 1...500

    /// Where to go on: ``RequestsReport/cursor``; `nil` for what ends from now on.
    public var after: String?
    /// Most requests of the answer; of more, every so many.
    public var limit = 100
    /// The name of a service.
    public var service: String?
    /// The name of a route.
    public var route: String?
    /// A status such as `404`, or a class of them such as `5xx`.
    public var status: String?
    /// The least time in milliseconds that a request took.
    public var slowerThan = 0.0

    /// Asks for whatever ends from now on.
    public init() {}

    /// Reads a query's arguments.
    ///
    /// - Throws: ``Mistake`` for the first that makes no sense.
    public init(_ arguments: [String: String]) throws(Mistake) {
        self.after = arguments["after"]
        self.service = arguments["service"]
        self.route = arguments["route"]
        if let text = arguments["limit"] {
            guard let limit = Int(text), Self.limitRange.contains(limit) else {
                throw .argument("limit", allowed: "1 to 500")
            }
            self.limit = limit
        }
        if let text = arguments["status"] {
            guard Self.isStatus(text) else {
                throw .argument("status", allowed: "a status such as 404, or 5xx")
            }
            self.status = text
        }
        if let text = arguments["slower_than"] {
            guard let number = Double(text), number >= 0, number <= 86_400_000 else {
                throw .argument("slower_than", allowed: "0 to 86400000 milliseconds")
            }
            self.slowerThan = number
        }
    }

    /// An argument that makes no sense.
    public indirect enum Mistake: Error, Equatable, Sendable, CustomStringConvertible {
        /// Which one, and what would make sense.
        case argument(String, allowed: String)

        /// One line for the operator.
        public var description: String {
            switch self {
            case .argument(let name, let allowed): "\(name) must be \(allowed)"
            }
        }
    }

    /// Its arguments, in a fixed order.
    public var arguments: [(name: String, value: String)] {
        var arguments: [(String, String)] = [("limit", "\(self.limit)")]
        for (name, value) in [
            ("after", self.after), ("service", self.service), ("route", self.route),
            ("status", self.status),
        ] {
            if let value { arguments.append((name, value)) }
        }
        if self.slowerThan > 0 { arguments.append(("slower_than", "\(self.slowerThan)")) }
        return arguments
    }

    /// Whether a text stands for a status or a class of them.
    public static func isStatus(_ text: String) -> Bool {
        guard text.utf8.count == 3, let first = text.utf8.first, (0x31...0x35).contains(first)
        else { return false }
        return text.dropFirst() == "xx" || text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Whether a request's status, service, route and time are those asked for.
    public func matches(
        status: Int,
        service: String?,
        route: String?,
        milliseconds: Double
    ) -> Bool {
        if let wanted = self.status {
            let text = wanted.hasSuffix("xx") ? "\(status / 100)xx" : "\(status)"
            guard text == wanted else { return false }
        }
        if let wanted = self.service, wanted != service { return false }
        if let wanted = self.route, wanted != route { return false }
        return milliseconds >= self.slowerThan
    }
}
