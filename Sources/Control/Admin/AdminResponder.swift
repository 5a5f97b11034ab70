import Foundation
import HTTPTypes
import Hummingbird
import MeshEntities
import MeshPrimitives
import MeshReports
import NIOCore
import ServiceLifecycle

/// Finds the path a request means, runs its operation, and writes the answer as Kong would.
struct AdminResponder: HTTPResponder {
    typealias Context = AdminContext

    private let configuration: AdminServerConfiguration
    private let guardian: OriginGuard
    private let access: AdminAccess
    private let paths: [AdminPath]

    init(configuration: AdminServerConfiguration, node: any AdminNode) {
        self.configuration = configuration
        self.guardian = OriginGuard(isLoopback: configuration.isLocal)
        self.access = AdminAccess(
            way: configuration.place.way,
            security: configuration.security
        )
        let status = StatusPaths(
            node: node,
            isReachableFromOutside: !configuration.isLocal
        ).all
        let paths =
            switch configuration.surface {
            case .status: status
            case .admin:
                KongPaths(node: node).all + ConfigPaths(node: node).all
                    + MeshPaths(node: node).all + OrderPaths(node: node).all
                    + ChangesetPaths(node: node).all
                    + BackupPaths(node: node).all + DashboardPaths(node: node).all
                    + SchemaPaths(node: node).all + RequestPaths(node: node).all
                    + NodePaths(node: node).all + HealthPaths(node: node).all
                    + CachePaths(node: node).all + PeerPaths(node: node).asking
                    + EntityPaths(node: node).all + status
            }
        self.paths =
            configuration.surface == .admin
            ? paths + [Self.index(of: paths), Self.description(of: paths)] : paths
    }

    func respond(to request: Request, context: AdminContext) async throws -> Response {
        let start = ContinuousClock.now
        let answer = await self.answer(to: request, context)
        var response = self.response(answer, toHead: request.method == .head)
        let elapsed = start.duration(to: .now).components
        let milliseconds = elapsed.seconds * 1_000 + elapsed.attoseconds / 1_000_000_000_000_000
        response.headers[Self.latency] = "\(milliseconds)"
        return response
    }

    private func answer(to request: Request, _ context: AdminContext) async -> AdminAnswer {
        if let refusal = self.refusal(of: request) { return refusal }
        let holder = self.access.holder(
            authorization: request.headers[.authorization],
            kongToken: request.headers[Self.kongToken],
            certificate: self.configuration.security.isEncrypted ? await context.clientName : nil
        )
        let segments = Self.segments(of: request.uri.path)
        let found = segments.flatMap { segments in
            self.paths.lazy.compactMap { path in path.match(segments).map { (path, $0) } }.first
        }
        let isOpen = found?.0.isOpen == true && [.get, .head].contains(request.method)
        let anybody = isOpen ? AdminCredentials.Holder(name: "", role: .read) : nil
        guard let holder = holder ?? anybody else {
            return AdminAccess.unauthorized
        }
        guard segments != nil else { return .message("Bad request", status: 400) }
        guard let (path, parameters) = found else { return self.notFound(request.uri.path) }
        let method = request.method.rawValue
        if method == "OPTIONS" { return Self.options(of: path) }
        guard let operation = path.method(for: method) else {
            var answer = AdminAnswer.methodNotAllowed
            answer.headers.append(("Allow", path.allowed.joined(separator: ", ")))
            return answer
        }
        guard operation.role == .read || holder.role == .write else {
            return AdminAccess.forbidden
        }
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= max(self.bodyLimit(of: operation), 0),
            let body = try? await request.body.collect(upTo: self.bodyLimit(of: operation))
        else { return Self.closing(self.tooLarge(for: self.bodyLimit(of: operation))) }
        return await operation.run(
            Self.exchange(request, holder, parameters, Array(body.readableBytesView))
        )
    }

    /// Says in our own paths that a name is missing where one is.
    private func notFound(_ path: String) -> AdminAnswer {
        guard path.hasPrefix("/mesh/") else { return .notFound }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let named = parts.map { $0.isEmpty ? "name" : String($0) }
        guard parts.contains(""), self.paths.contains(where: { $0.match(named) != nil }) else {
            return .notFound
        }
        return .message("no name is given where \(path) needs one", status: 404)
    }

    /// What is wrong with a request whatever it asks for; nothing of its body has been read.
    private func refusal(of request: Request) -> AdminAnswer? {
        // Load balancers check readiness by HTTP/1.0 without Host; everybody else must name one.
        let authority = request.head.authority
        let isNamed = authority != nil || self.configuration.surface == .status
        guard isNamed, request.headers[Self.host] == nil else {
            return Self.closing(.message("exactly one Host field is required", status: 400))
        }
        let reason = self.guardian.refusal(
            host: authority,
            origin: request.headers[.origin],
            site: request.headers[Self.fetchSite],
            isRead: [.get, .head, .options].contains(request.method)
        )
        if let reason { return Self.closing(.message(reason, status: 403)) }
        guard request.headers[.upgrade] == nil else {
            return Self.closing(.message("protocol upgrades are not offered", status: 400))
        }
        guard request.method != .connect, request.method != .trace else {
            return Self.closing(.methodNotAllowed)
        }
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        let largest = self.paths.flatMap(\.methods).map(\.bodyLimit).max() ?? 0
        guard announced <= max(self.configuration.maximumBodyByteCount, largest) else {
            return Self.closing(self.tooLarge(for: largest))
        }
        guard self.configuration.surface == .status, request.method != .post else { return nil }
        let hasBody = announced > 0 || request.headers[.transferEncoding] != nil
        return hasBody ? Self.closing(self.tooLarge(for: 0)) : nil
    }

    /// Bytes of body that an operation is given; a status listener's reads get none.
    private func bodyLimit(of operation: AdminPath.Method) -> Int {
        switch self.configuration.surface {
        case .admin: max(self.configuration.maximumBodyByteCount, operation.bodyLimit)
        case .status:
            operation.name == "POST" && self.configuration.isLocal
                ? self.configuration.maximumBodyByteCount : 0
        }
    }

    private static func exchange(
        _ request: Request,
        _ holder: AdminCredentials.Holder,
        _ parameters: [String],
        _ body: [UInt8]
    ) -> AdminExchange {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return AdminExchange(
            method: request.method.rawValue,
            path: request.uri.path,
            author: holder.name,
            role: holder.role,
            parameters: parameters,
            query: SubmittedBody.form(request.uri.query ?? ""),
            headers: headers,
            body: body
        )
    }

    /// Decoded segments of a path; `nil` for a bad escape or a NUL.
    private static func segments(of path: String) -> [String]? {
        var segments: [String] = []
        for raw in path.split(separator: "/") {
            guard let segment = String(raw).removingPercentEncoding, !segment.contains("\0") else {
                return nil
            }
            segments.append(segment)
        }
        return segments
    }

    private static func index(of paths: [AdminPath]) -> AdminPath {
        // Sorted by segments, as Kong: `/a/z` before `/ab`.
        let names = Set(paths.map(\.template) + ["/endpoints", "/openapi.json"]).sorted {
            $0.split(separator: "/").lexicographicallyPrecedes($1.split(separator: "/"))
        }
        return .reading("endpoints") { _ in
            .document(.record(["data": .list(names.map { .string($0) })]))
        }
    }

    private static func description(of paths: [AdminPath]) -> AdminPath {
        let answer = AdminAnswer.document(OpenAPIDocument(paths).document)
        return .reading("openapi.json") { _ in answer }
    }

    private static func options(of path: AdminPath) -> AdminAnswer {
        var answer = AdminAnswer.empty(204)
        answer.headers = [("Allow", path.allowed.joined(separator: ", "))]
        return answer
    }

    private static func closing(_ answer: AdminAnswer) -> AdminAnswer {
        var closed = answer
        closed.headers.append(("Connection", "close"))
        return closed
    }

    private func response(_ answer: AdminAnswer, toHead isHead: Bool) -> Response {
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            if let field = HTTPField.Name(name) { headers[field] = value }
        }
        let status = HTTPResponse.Status(code: answer.status)
        switch answer.body {
        case .none:
            return Response(status: status, headers: headers)
        case .bytes(let bytes, let contentType):
            headers[.contentType] = contentType
            let response = Response(
                status: status,
                headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            )
            return isHead ? response.createHeadResponse() : response
        case .events(let events):
            return self.stream(status, headers, toHead: isHead) {
                EventBody(events: events, keepAliveInterval: $0).body
            }
        case .board(let changes):
            return self.stream(status, headers, toHead: isHead) {
                EventBody(changes: changes, keepAliveInterval: $0).body
            }
        }
    }

    /// An answer that goes on for as long as the client stays.
    private func stream(
        _ status: HTTPResponse.Status,
        _ headers: HTTPFields,
        toHead isHead: Bool,
        _ body: (Duration) -> ResponseBody
    ) -> Response {
        var headers = headers
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store"
        guard !isHead else { return Response(status: status, headers: headers) }
        return Response(
            status: status,
            headers: headers,
            body: body(self.configuration.keepAliveInterval)
        )
    }

    private func tooLarge(for limit: Int) -> AdminAnswer {
        .message(
            self.configuration.surface == .admin
                ? "the body is larger than "
                    + "\(max(self.configuration.maximumBodyByteCount, limit)) bytes"
                : "this listener takes no bodies",
            status: 413
        )
    }

    private static let latency = Self.field("X-Kong-Admin-Latency")
    private static let host = Self.field("Host")
    private static let kongToken = Self.field("Kong-Admin-Token")
    private static let fetchSite = Self.field("Sec-Fetch-Site")

    private static func field(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else {
            preconditionFailure("\(name) is a field name")
        }
        return field
    }
}

extension AdminServerConfiguration.Place {
    /// How requests come, for the history.
    fileprivate var way: String {
        switch self {
        case .address(let endpoint): endpoint.address.isLoopback ? "loopback" : "anybody"
        case .socket: "socket"
        }
    }
}
