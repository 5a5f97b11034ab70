import MeshEntities
import MeshHTTP
import MeshHealth

extension HealthSettings {
    /// Translates Kong's `healthchecks` for one target.
    ///
    /// - Parameters:
    ///   - upstream: the upstream whose record it is.
    ///   - host: what `Host` a probe of the target carries.
    init(_ upstream: Upstream, host: String) {
        self.init()
        let checks = upstream.healthchecks
        self.threshold = checks.threshold
        self.breaker.failures = upstream.breaker.failures
        self.breaker.ratio = upstream.breaker.ratio
        self.breaker.requests = upstream.breaker.requests
        self.breaker.open = .seconds(upstream.breaker.open)
        self.breaker.successes = upstream.breaker.successes
        self.active.timeout = .seconds(max(0.05, checks.active.timeout))
        self.active.healthyInterval = .seconds(checks.active.healthy.interval)
        self.active.unhealthyInterval = .seconds(checks.active.unhealthy.interval)
        self.active.rules = Rules(checks.active.healthy, checks.active.unhealthy)
        self.passive = Rules(checks.passive.healthy, checks.passive.unhealthy)
        let isOn = checks.active.healthy.interval > 0 || checks.active.unhealthy.interval > 0
        self.active.greeting = upstream.proxyHeader.map(ProxyProtocol.localHeader) ?? []
        if isOn { self.active.check = .init(upstream, host: upstream.hostHeader ?? host) }
    }
}

extension ProxyProtocol {
    /// The header of a connection that stands for no client's.
    fileprivate static func localHeader(_ version: ProxyHeaderVersion) -> [UInt8] {
        switch version {
        case .v1: Array("PROXY UNKNOWN\r\n".utf8)
        case .v2: Self.localHeader
        }
    }
}

extension ProbeRequest.Check {
    /// What an upstream's active check does at a target that is called `host`.
    fileprivate init(_ upstream: Upstream, host: String) {
        let active = upstream.healthchecks.active
        let headers = active.headers.flatMap { field in
            field.values.map { ProbeField(name: field.name, value: $0) }
        }
        // Neither the port of `Host` nor the brackets of an address are part of a server name.
        let isBracketed = host.hasPrefix("[")
        let name = host.drop { $0 == "[" }.prefix { $0 != (isBracketed ? "]" : ":") }
        let tls = ProbeTLS(
            serverName: active.httpsSNI ?? String(name),
            verifies: active.httpsVerifyCertificate,
            clientCertificate: upstream.clientCertificate?.description
        )
        switch active.type {
        case .tcp: self = .tcp
        case .http: self = .http(path: active.httpPath, host: host, headers: headers)
        case .https: self = .https(path: active.httpPath, host: host, headers: headers, tls: tls)
        case .grpc: self = .grpc(host: host, tls: nil)
        case .grpcs: self = .grpc(host: host, tls: tls)
        }
    }
}

extension HealthSettings.Rules {
    fileprivate init(_ healthy: Healthchecks.Healthy, _ unhealthy: Healthchecks.Unhealthy) {
        self.init(
            healthyStatuses: Set(healthy.httpStatuses.map { UInt16(clamping: $0) }),
            unhealthyStatuses: Set(unhealthy.httpStatuses.map { UInt16(clamping: $0) })
        )
        self.successes = healthy.successes
        self.tcpFailures = unhealthy.tcpFailures
        self.timeouts = unhealthy.timeouts
        self.httpFailures = unhealthy.httpFailures
    }
}
