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
    typealias Context = BasicRequestContext

    private let configuration: AdminServerConfiguration
    private let guardian: LoopbackGuard
    private let paths: [AdminPath]

    init(configuration: AdminServerConfiguration, node: any AdminNode) {
        self.configuration = configuration
        self.guardian = LoopbackGuard(listen: configuration.listen)
        let status = StatusPaths(
            node: node,
            isReachableFromOutside: !configuration.listen.address.isLoopback
        ).all
        let paths =
            switch configuration.surface {
            case .status: status
            case .admin:
                KongPaths(node: node).all + ConfigPaths(node: node).all
                    + MeshPaths(node: node).all + SchemaPaths(node: node).all
                    + NodePaths(node: node).all + HealthPaths(node: node).all
                    + EntityPaths(node: node).all + status
            }
        self.paths = paths + [Self.index(of: paths)]
    }

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let start = ContinuousClock.now
        let answer = await self.answer(to: request)
        var response = self.response(answer, toHead: request.method == .head)
        let elapsed = start.duration(to: .now).components
        let milliseconds = elapsed.seconds * 1_000 + elapsed.attoseconds / 1_000_000_000_000_000
        response.headers[Self.latency] = "\(milliseconds)"
        response.headers[.accessControlAllowOrigin] = "*"
        return response
    }

    private func answer(to request: Request) async -> AdminAnswer {
        // Load balancers check readiness by HTTP/1.0 without Host; everybody else must name one.
        let authority = request.head.authority
        let isNamed = authority != nil || self.configuration.surface == .status
        guard isNamed, request.headers[Self.host] == nil else {
            return Self.closing(.message("exactly one Host field is required", status: 400))
        }
        let origin = request.headers[.origin]
        if let reason = self.guardian.refusal(host: authority, origin: origin) {
            return Self.closing(.message(reason, status: 403))
        }
        guard request.headers[.upgrade] == nil else {
            return Self.closing(.message("protocol upgrades are not offered", status: 400))
        }
        guard request.method != .connect, request.method != .trace else {
            return Self.closing(.methodNotAllowed)
        }
        let limit = self.configuration.maximumBodyByteCount
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= limit else { return Self.closing(Self.tooLarge) }
        guard let segments = Self.segments(of: request.uri.path) else {
            return .message("Bad request", status: 400)
        }
        let found = self.paths.lazy.compactMap { path in path.match(segments).map { (path, $0) } }
        guard let (path, parameters) = found.first else { return .notFound }
        let method = request.method.rawValue
        if method == "OPTIONS" { return Self.options(of: path) }
        guard let operation = path.operation(for: method) else {
            var answer = AdminAnswer.methodNotAllowed
            answer.headers.append(("Allow", path.allowed.joined(separator: ", ")))
            return answer
        }
        guard let body = try? await request.body.collect(upTo: limit) else {
            return Self.closing(Self.tooLarge)
        }
        return await operation(
            Self.exchange(request, parameters: parameters, body: Array(body.readableBytesView))
        )
    }

    private static func exchange(
        _ request: Request,
        parameters: [String],
        body: [UInt8]
    ) -> AdminExchange {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return AdminExchange(
            method: request.method.rawValue,
            path: request.uri.path,
            author: "loopback",
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
        let names = Set(paths.map(\.template) + ["/endpoints"]).sorted {
            $0.split(separator: "/").lexicographicallyPrecedes($1.split(separator: "/"))
        }
        return .reading("endpoints") { _ in
            .document(.record(["data": .list(names.map { .string($0) })]))
        }
    }

    private static func options(of path: AdminPath) -> AdminAnswer {
        let methods = path.allowed.joined(separator: ", ")
        var answer = AdminAnswer.empty(204)
        answer.headers = [
            ("Allow", methods), ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", "Content-Type"),
        ]
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
            headers[.contentType] = "text/event-stream"
            headers[.cacheControl] = "no-store"
            if isHead { return Response(status: status, headers: headers) }
            let interval = self.configuration.keepAliveInterval
            return Response(
                status: status,
                headers: headers,
                body: EventBody(events: events, keepAliveInterval: interval).body
            )
        }
    }

    private static let tooLarge = AdminAnswer.message(
        "the body is larger than 10 MiB",
        status: 413
    )
    private static let latency = Self.field("X-Kong-Admin-Latency")
    private static let host = Self.field("Host")

    private static func field(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else {
            preconditionFailure("\(name) is a field name")
        }
        return field
    }
}
