public import MeshEntities
public import MeshHTTP

/// What a route and its service are called; empty for what there is not.
public struct LogNames: Equatable, Sendable {
    /// The route's name.
    public var route = ""
    /// The route's id.
    public var routeID = ""
    /// The service's name.
    public var service = ""
    /// The service's id.
    public var serviceID = ""
    /// The service's host.
    public var host = ""

    /// Nothing has a name.
    public init() {}
}

/// What Kong's log plugins tell of a request, as `kong.log.serialize` makes it.
///
/// Source: Kong 3.9, `kong/pdk/log.lua`.
public struct LogRecord {
    /// The request's head, its fields and what they were read from; borrowed.
    public var head = RequestHead()
    /// The request's fields.
    public var received: ReceivedFields?
    /// 32 hexadecimal digits.
    public var requestID = ""
    /// `http://host:port`, of the listener that the client reached.
    public var origin = ""
    /// Bytes received and returned.
    public var sizes: (request: UInt64, response: UInt64) = (0, 0)
    /// The target of the request that the upstream got; empty when none was asked.
    public var upstreamTarget: [UInt8] = []
    /// What the upstream answered; 0 when it did not.
    public var upstreamStatus: UInt16 = 0
    /// What the client was answered.
    public var status: UInt16 = 0
    /// The head that the client was sent, as HTTP/1.
    public var responseHead: [UInt8] = []
    /// Milliseconds: in the gateway, for the upstream's head (-1 without one), and in all.
    public var latencies: (gateway: Int64, upstream: Int64, request: Int64) = (0, -1, 0)
    /// The target that was tried last; nil when none was.
    public var target: (address: String, port: UInt16, startedAt: Int64)?
    /// The client's address.
    public var client = ""
    /// Milliseconds since 1970 when the request began.
    public var startedAt: Int64 = 0
    /// Whether the response is the upstream's.
    public var isUpstreams = false
    /// The route and service as JSON; empty without one.
    public var route: [UInt8] = []
    /// The service as JSON; empty without one.
    public var service: [UInt8] = []
    /// Who was authenticated.
    public var consumer: ConsumerEntry?
    /// What was shown to authenticate.
    public var credential: EntityID?
    /// What the route and its service are called.
    public var names = LogNames()
    /// What the node's machine is called.
    public var machine = ""
    /// The client's port.
    public var clientPort: UInt16 = 0
    /// Nanoseconds since 1970: when the request began, when the last try at a target did and when that
    /// answered (0 when it did not), and the end.
    public var instants: (began: Int64, attempt: Int64, answered: Int64, ended: Int64) = (
        0, 0, 0, 0
    )
    /// Why the request failed, as metrics spell it; empty when it did not.
    public var failure = ""
    /// Tries at targets.
    public var tries = 0
    /// The trace that it belongs to, as steps have found; nil where none looked.
    public var trace: TraceContext?
    /// 64 bits by chance.
    public var random: UInt64 = 0
    /// How the client's side is secured; nil without TLS.
    public var security: LogSecurityFacts?
    /// What there is to tell of a connection or of datagrams; nil for a request.
    public var session: LogSession?

    /// Creates a record that says nothing.
    public init() {}

    /// The JSON object, in one line.
    public func json() -> [UInt8] {
        if let session { return self.json(of: session) }
        var text = LogText()
        text.open()
        text.open("request")
        text.string("id", self.requestID)
        self.writeRequest(&text)
        text.close()
        if !self.upstreamTarget.isEmpty {
            text.string("upstream_uri", String(decoding: self.upstreamTarget, as: UTF8.self))
        }
        text.string("upstream_status", self.upstreamStatus > 0 ? "\(self.upstreamStatus)" : "")
        text.open("response")
        text.number("status", Int64(self.status))
        text.number("size", Int64(clamping: self.sizes.response))
        self.writeResponseHeaders(&text)
        text.close()
        text.open("latencies")
        text.number("kong", self.latencies.gateway)
        text.number("proxy", self.latencies.upstream)
        text.number("request", self.latencies.request)
        let own = self.latencies.gateway + max(0, self.latencies.upstream)
        text.number("receive", max(0, self.latencies.request - own))
        text.close()
        self.writeRest(&text)
        text.string("source", self.isUpstreams ? "upstream" : "kong")
        text.close()
        return text.bytes
    }

    /// The id of Kong's only workspace without a database.
    private static let workspace = "0dc6f45b-8f8d-40d2-a504-473544ee190b"

    /// What is told of requests and of sessions alike.
    func writeRest(_ text: inout LogText) {
        self.writeTries(&text)
        if let credential { text.raw("authenticated_entity", "{\"id\":\"\(credential)\"}") }
        if !self.route.isEmpty { text.raw("route", self.route) }
        if !self.service.isEmpty { text.raw("service", self.service) }
        if let consumer { Self.write(consumer, &text) }
        text.string("client_ip", self.client)
        text.number("started_at", self.startedAt)
        text.string("workspace", Self.workspace)
        text.string("workspace_name", "default")
    }

    /// The method as the client wrote it.
    var method: String { self.text { $0.methodName } }

    /// The target without its query.
    var path: String { String(self.wholeTarget.prefix { $0 != "?" }) }

    /// The host that was asked for.
    var host: String { self.text { $0.host } }

    /// `http` or `https`.
    var scheme: String { self.origin.hasPrefix("https:") ? "https" : "http" }

    /// The whole of what was asked for.
    var url: String { self.origin + self.wholeTarget }

    private var wholeTarget: String { self.text { $0.target } }

    private func text(_ range: (RequestHead) -> ByteRange) -> String {
        guard let received = self.received else { return "" }
        return String(decoding: range(self.head).bytes(of: received.bytes), as: UTF8.self)
    }

    /// Tags that the client gives in a field, as `a=1;b=2`.
    func tags(inField name: String) -> [(String, String)] {
        guard let received = self.received else { return [] }
        var tags: [(String, String)] = []
        for index in 0..<received.count {
            let field = received.fields[index]
            let found = String(decoding: field.name.bytes(of: received.bytes), as: UTF8.self)
            guard found.lowercased() == name.lowercased() else { continue }
            let value = String(decoding: field.value.bytes(of: received.bytes), as: UTF8.self)
            for pair in value.split(separator: ";") {
                let sides = pair.split(separator: "=", maxSplits: 1)
                guard sides.count == 2 else { continue }
                tags.append((String(sides[0].drop { $0 == " " }), String(sides[1])))
            }
        }
        return tags
    }

    private func writeRequest(_ text: inout LogText) {
        guard let received = self.received else { return }
        let target = self.head.target.bytes(of: received.bytes)
        let uri = String(decoding: target, as: UTF8.self)
        text.string("uri", uri)
        text.string("url", self.origin + uri)
        text.string(
            "method",
            String(decoding: self.head.methodName.bytes(of: received.bytes), as: UTF8.self)
        )
        text.number("size", Int64(clamping: self.sizes.request))
        self.security?.write(to: &text)
        let query = self.head.query.bytes(of: received.bytes)
        text.arguments(
            "querystring",
            Arguments(UnsafeRawBufferPointer(rebasing: query.dropFirst()))
        )
        // Secrets that clients show are not written, as in Kong.
        text.headers(received.all, hidesSecrets: true)
    }

    private func writeResponseHeaders(_ text: inout LogText) {
        let lines = String(decoding: self.responseHead, as: UTF8.self)
            .split(separator: "\r\n").dropFirst()
        let fields = lines.compactMap { line -> (String, String)? in
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = line[line.utf8.index(after: colon)...].drop { $0 == " " }
            return (line[..<colon].lowercased(), String(value))
        }
        text.headers(fields, hidesSecrets: true)
    }

    private func writeTries(_ text: inout LogText) {
        guard let target = self.target else { return text.raw("tries", "[]") }
        text.raw(
            "tries",
            "[{\"balancer_start\":\(target.startedAt),\"ip\":\"\(target.address)\","
                + "\"port\":\(target.port)}]"
        )
    }

    private static func write(_ consumer: ConsumerEntry, _ text: inout LogText) {
        text.open("consumer")
        text.string("id", consumer.id.description)
        if let username = consumer.username { text.string("username", username) }
        if let customID = consumer.customID { text.string("custom_id", customID) }
        text.close()
    }
}
