import Foundation

/// What nodes show each other through the mesh, so that whoever reaches one reaches all: reads that tell
/// how a node stands, and never a credential.
///
/// An Admin API mostly listens on loopback alone, and then every node's has the same address.
public struct PeerPaths: Sendable {
    /// Paths that a node shows to another, with query.
    private static let shown = [
        "metrics", "mesh/status", "mesh/members", "mesh/regions", "mesh/health",
        "mesh/config/status",
        "mesh/config/history", "mesh/config/roll-out", "mesh/upgrade", "mesh/board",
        "mesh/requests", "mesh/rtt/:from/:to",
    ]

    private let node: any AdminNode

    /// Creates the paths of a node, which both shows and asks.
    public init(node: any AdminNode) { self.node = node }

    /// What this node shows under a path that another node asks for.
    ///
    /// - Parameter path: with query, such as `/mesh/requests?limit=20`.
    /// - Returns: status, and body as it stands; 404 for what is not shown.
    public func answer(_ path: String) async -> (status: Int, body: [UInt8]) {
        guard let parts = URLComponents(string: path) else { return (400, []) }
        let segments = parts.percentEncodedPath.split(separator: "/")
            .map { String($0).removingPercentEncoding ?? String($0) }
        for path in self.own {
            guard let parameters = path.match(segments), let read = path.method(for: "GET") else {
                continue
            }
            let answer = await read.run(
                AdminExchange(
                    method: "GET",
                    path: parts.path,
                    parameters: parameters,
                    query: Dictionary(
                        (parts.queryItems ?? []).map { ($0.name, $0.value ?? "") },
                        uniquingKeysWith: { first, _ in first }
                    ),
                    headers: [:],
                    body: []
                )
            )
            guard case .bytes(let body, _) = answer.body else { return (answer.status, []) }
            return (answer.status, body)
        }
        return (404, [])
    }

    /// The paths by which another node is asked: `/mesh/nodes/NODE/` before what it shows.
    var asking: [AdminPath] {
        Self.shown.map { pattern in
            let rest = pattern.hasPrefix("mesh/") ? String(pattern.dropFirst(5)) : pattern
            return .reading("mesh/nodes/:node/\(rest)") { await self.ask(pattern, $0) }
        }
    }

    private var own: [AdminPath] {
        let (node, shown) = (self.node, Set(Self.shown))
        let all =
            KongPaths(node: node).all + MeshPaths(node: node).all + ChangesetPaths(node: node).all
            + DashboardPaths(node: node).all + RequestPaths(node: node).all
            + HealthPaths(node: node).all + OrderPaths(node: node).all
        return all.filter { shown.contains($0.pattern.joined(separator: "/")) }
    }

    private func ask(_ pattern: String, _ exchange: AdminExchange) async -> AdminAnswer {
        var values = exchange.parameters[...]
        let name = values.popFirst() ?? ""
        var parts = URLComponents()
        let segments = pattern.split(separator: "/").map { segment in
            segment.hasPrefix(":") ? values.popFirst() ?? "" : String(segment)
        }
        parts.percentEncodedPath = "/" + segments.map(Self.escaped).joined(separator: "/")
        if !exchange.query.isEmpty {
            parts.queryItems = exchange.query.sorted { $0.key < $1.key }
                .map { URLQueryItem(name: $0.key, value: $0.value) }
        }
        do throws(AdminError) {
            let (status, body) = try await self.node.ask(parts.string ?? "", of: name)
            switch status {
            case 200, 400, 404, 409: break
            // Too long for an answer through the mesh.
            case 413: return .message("what \(name) says is too long; ask it directly", status: 502)
            case 503: return .message("\(name) is busy with questions; try again", status: 503)
            default: return .message("\(name) answered with \(status)", status: 502)
            }
            let isText = pattern == "metrics" && status == 200
            return AdminAnswer(
                status: status,
                body: .bytes(
                    body,
                    contentType: isText ? "text/plain; charset=utf-8" : AdminAnswer.json
                ),
                headers: [("Cache-Control", "no-store")]
            )
        } catch {
            return error.answer
        }
    }

    private static func escaped(_ segment: String) -> String {
        segment.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
