import MeshPrimitives

/// Keeps web pages away from a listener: a page of another origin can make a browser send requests
/// here, but not without saying where it comes from.
///
/// `Host` gives away a name that was rebound to this machine (DNS rebinding), `Origin` and
/// `Sec-Fetch-Site` a page of another origin. Even another port of the same machine is another
/// origin.
struct OriginGuard: Sendable {
    /// Whether only this machine's own names may stand in `Host`.
    let isLoopback: Bool

    /// Why a request is refused; `nil` lets it through.
    func refusal(host: String?, origin: String?, site: String?, isRead: Bool) -> String? {
        if self.isLoopback, let host, !Self.namesLoopback(host) {
            return "the Host field '\(host)' is not allowed on a loopback listener"
        }
        if let origin, !Self.isOwn(origin, host: host) {
            return "the Origin '\(origin)' is not allowed: only pages of this listener may ask it"
        }
        guard !isRead, let site, !["same-origin", "none"].contains(site) else { return nil }
        return "a page of another site may not write"
    }

    private static func isOwn(_ origin: String, host: String?) -> Bool {
        guard let host else { return false }
        let lower = origin.lowercased()
        return ["http://", "https://"].contains { "\($0)\(host.lowercased())" == lower }
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
