public import MeshDataPlane
import MeshPrimitives

/// The proxy's settings: the data plane's own, the files they name, and the drain.
public struct ProxySettings: Equatable, Sendable {
    /// What the data plane is given.
    public var dataPlane = DataPlaneConfiguration()
    /// Files whose content goes into ``dataPlane``.
    public var files = ProxyFiles()
    /// How long a drain waits for requests in flight.
    ///
    /// `proxy.drain_deadline`; default 30 s; 0 to 3,600 s.
    public var drainDeadline: Duration = .seconds(30)
    /// How long readiness says 503 before a stopping node refuses connections.
    ///
    /// `proxy.drain_announce`; default 0 s; set it to the balancer's check interval in front; 0 to
    /// 600 s.
    public var drainAnnounce: Duration = .zero

    /// Creates the defaults, listening nowhere.
    public init() {}

    /// Returns `self` if the settings hold together.
    ///
    /// - Throws: ``SettingsError`` for the first that does not.
    func validated() throws(SettingsError) -> ProxySettings {
        try self.checkListeners()
        guard (self.files.certificate == nil) == (self.files.key == nil) else {
            let isKeyMissing = self.files.key == nil
            throw .missing(
                field: isKeyMissing ? "proxy.tls_key" : "proxy.tls_certificate",
                remedy: "proxy.tls_certificate and proxy.tls_key belong together: set both or none"
            )
        }
        let mode = self.dataPlane.tls.clientCertificates
        guard mode == .off || self.files.clientAuthorities != nil else {
            throw .conflict(
                field: "proxy.client_certificates",
                value: mode.rawValue,
                remedy: "set proxy.client_ca to the file of authorities that sign them"
            )
        }
        guard self.dataPlane.realAddress.source != .proxyProtocol || self.hasProxyProtocol else {
            throw .conflict(
                field: "proxy.real_ip_header",
                value: "proxy_protocol",
                remedy: "add the flag proxy_protocol to an address of proxy.listen, "
                    + "proxy.tls_listen or proxy.stream_listen"
            )
        }
        return self
    }

    private var hasProxyProtocol: Bool {
        (self.dataPlane.listen + self.dataPlane.tlsListen
            + self.dataPlane.streamListen.map(\.address)).contains(where: \.isProxyProtocol)
    }

    /// Two listeners on one address would each get part of the connections.
    private func checkListeners() throws(SettingsError) {
        let plane = self.dataPlane
        let streams = plane.streamListen
        let all =
            plane.listen.map { ("proxy.listen", $0.endpoint, "tcp") }
            + plane.tlsListen.map { ("proxy.tls_listen", $0.endpoint, "tcp") }
            + streams.map { listener in
                let transport = listener.kind == .udp ? "udp" : "tcp"
                return ("proxy.stream_listen", listener.address.endpoint, transport)
            }
        guard !all.isEmpty else {
            throw .missing(
                field: "proxy.listen",
                remedy: "give at least one address in proxy.listen, proxy.tls_listen or "
                    + "proxy.stream_listen"
            )
        }
        var seen: [String: String] = [:]
        for (field, endpoint, transport) in all where endpoint.port != 0 {
            if let first = seen.updateValue(field, forKey: "\(endpoint) \(transport)") {
                throw .conflict(
                    field: field,
                    value: "\(endpoint)",
                    remedy: "\(first) has the same address; use another port"
                )
            }
        }
    }
}
