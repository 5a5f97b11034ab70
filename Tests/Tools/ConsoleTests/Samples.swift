import MeshReports

/// Reports that the renderers' tests share.
enum Samples {
    static let view = ViewReport(node: "ams-1", ageSeconds: 0.3, members: 5)
    static let newest = ConfigurationVersion(
        generation: 41,
        hash: "7c1e0000000000000000000000000000"
    )
    static let older = ConfigurationVersion(
        generation: 40,
        hash: "b09d0000000000000000000000000000"
    )

    static func member(_ name: String, _ region: String, _ port: Int) -> MemberReport {
        var member = MemberReport(
            id: "00000000-0000-0000-0000-00000000000\(port % 10)",
            name: name,
            region: region,
            address: "127.0.0.1:\(port)"
        )
        member.version = "1.4.0"
        member.config = Self.newest
        return member
    }

    static var members: MembersReport {
        var asked = Self.member("ams-1", "eu-west", 7946)
        asked.isAsked = true
        asked.ageSeconds = 525_600
        asked.load = 0.31
        var draining = Self.member("fra-1", "eu-west", 7966)
        draining.mode = .draining
        draining.rttMs = 9.84
        draining.ageSeconds = 185
        draining.load = 0
        draining.inFlight = 14
        var suspect = Self.member("nyc-1", "us-east", 7976)
        suspect.state = .suspect
        suspect.rttMs = 81.4
        suspect.config = Self.older
        suspect.note = "suspect since 3 s"
        var failed = Self.member("nyc-2", "us-east", 7986)
        failed.state = .failed
        failed.config = Self.older
        var left = Self.member("nyc-3", "us-east", 7996)
        left.state = .left
        return MembersReport(members: [asked, draining, suspect, failed, left], view: Self.view)
    }

    static func region(_ name: String, usable: Int) -> RegionReport {
        var region = RegionReport(name: name, state: usable > 0 ? .up : .down)
        region.members = 2
        region.alive = usable
        region.usable = usable
        return region
    }

    static func target(
        _ address: String,
        _ verdict: TargetHealthReport.Verdict,
        _ observations: [ObservationReport] = []
    ) -> TargetHealthReport {
        var target = TargetHealthReport(target: address, address: address, weight: 100)
        target.verdict = verdict
        target.factor = verdict == .excluded ? 0 : 1
        target.observations = observations
        return target
    }

    static func observation(
        _ observer: String,
        _ state: ObservationReport.State,
        failures: UInt64 = 0,
        last: String? = nil
    ) -> ObservationReport {
        var observation = ObservationReport(observer: observer, region: "eu", state: state)
        observation.failures = failures
        observation.lastFailure = last
        observation.lastFailureAgeSeconds = last == nil ? nil : 8
        return observation
    }

    static func health(_ targets: [TargetHealthReport]) -> HealthReport {
        var upstream = UpstreamHealthReport(
            id: "u",
            name: "api",
            algorithm: "round-robin",
            targets: targets
        )
        upstream.activeRegion = "eu"
        return HealthReport(upstreams: [upstream], view: Self.view)
    }

    static func configuration(_ nodes: [NodeConfigurationReport]) -> ConfigurationStatusReport {
        ConfigurationStatusReport(config: Self.newest, nodes: nodes, view: Self.view)
    }

    static func node(
        _ name: String,
        _ state: NodeConfigurationReport.State,
        _ config: ConfigurationVersion
    ) -> NodeConfigurationReport {
        NodeConfigurationReport(
            name: name,
            region: "eu",
            member: .alive,
            state: state,
            config: config
        )
    }
}
