import MeshEntities
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
        self.active.timeout = .seconds(max(0.05, checks.active.timeout))
        self.active.healthyInterval = .seconds(checks.active.healthy.interval)
        self.active.unhealthyInterval = .seconds(checks.active.unhealthy.interval)
        self.active.rules = Rules(checks.active.healthy, checks.active.unhealthy)
        self.passive = Rules(checks.passive.healthy, checks.passive.unhealthy)
        let isOn = checks.active.healthy.interval > 0 || checks.active.unhealthy.interval > 0
        if isOn, checks.active.type == .http {
            self.active.check = .http(
                path: checks.active.httpPath,
                host: upstream.hostHeader ?? host,
                headers: checks.active.headers.flatMap { field in
                    field.values.map { ProbeField(name: field.name, value: $0) }
                }
            )
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
