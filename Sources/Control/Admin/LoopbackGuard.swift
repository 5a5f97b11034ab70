import MeshPrimitives

/// Keeps web pages away from a listener on loopback (DNS rebinding and cross-site requests).
///
/// A page of another origin can make a browser send requests to `127.0.0.1`; its `Host` or `Origin`
/// field gives it away.
struct LoopbackGuard: Sendable {
    private let isActive: Bool

    init(listen: Endpoint) { self.isActive = listen.address.isLoopback }

    /// Why a request is refused; `nil` lets it through.
    func refusal(host: String?, origin: String?) -> String? {
        guard self.isActive else { return nil }
        if let host, !Self.namesLoopback(host) {
            return "the Host field '\(host)' is not allowed on a loopback listener"
        }
        guard let origin, !Self.isLocal(origin: origin) else { return nil }
        return "the Origin '\(origin)' is not allowed on a loopback listener"
    }

    private static func isLocal(origin: String) -> Bool {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return Self.namesLoopback(String(origin.dropFirst(scheme.count)))
        }
        return false
    }

    private static func namesLoopback(_ authority: String) -> Bool {
        var host = authority[...]
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.lastIndex(of: ":") {
            host = host[..<colon]
        }
        if host.lowercased() == "localhost" { return true }
        return IPAddress(String(host))?.isLoopback ?? false
    }
}
