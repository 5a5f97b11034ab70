import MeshReports
import Testing

@testable import MeshConsole

@Suite("An upgrade of the fleet")
struct UpgradePlanTests {
    private static func member(
        _ name: String,
        _ region: String,
        load: Double = 0,
        state: MemberReport.State = .alive
    ) -> MemberReport {
        var member = MemberReport(id: name, name: name, region: region, address: "127.0.0.1:1")
        member.load = load
        member.state = state
        member.version = "1.0.0"
        return member
    }

    private static let fleet = [
        Self.member("eu-1", "eu", load: 0.9), Self.member("eu-2", "eu", load: 0.1),
        Self.member("eu-3", "eu", load: 0.5), Self.member("us-1", "us"), Self.member("us-2", "us"),
    ]

    @Test("takes one node per region at a time, the busiest of a region last")
    func waves() {
        let plan = UpgradePlan(members: Self.fleet)

        #expect(plan.obstacles.isEmpty)
        #expect(plan.nodes.map(\.name) == ["eu-2", "us-1", "eu-3", "us-2", "eu-1"])
        #expect(plan.nodes.map(\.wave) == [1, 1, 2, 2, 3])
    }

    @Test("takes only the nodes that were named, and names strangers")
    func chosen() {
        let plan = UpgradePlan(members: Self.fleet, names: ["eu-3", "us-9"])

        #expect(plan.nodes.map(\.name) == ["eu-3"])
        #expect(plan.obstacles == ["no member is called us-9"])
    }

    @Test("is refused when a member is not well, configurations differ, or a region has one node")
    func obstacles() {
        var fleet = Self.fleet
        fleet[0].state = .suspect
        fleet[1].mode = .draining
        fleet[3].config = ConfigurationVersion(version: "g2", hash: "other")
        fleet.append(Self.member("ap-1", "ap"))
        fleet.append(Self.member("gone", "eu", state: .left))

        #expect(
            UpgradePlan(members: fleet).obstacles == [
                "eu-1 is suspect", "eu-2 is draining", "the nodes run several configurations",
                "region ap has one node, and would be without",
            ]
        )
    }

    private static func sample(
        _ members: [MemberReport] = Self.fleet,
        errors: Double = 0,
        slow: Double = 0,
        lone: Set<String> = []
    ) -> UpgradeSample {
        var traffic = UpgradeSample.Traffic()
        traffic.answers = 1_000
        traffic.errors = errors
        traffic.latencies = [10: 1_000 - slow, 100: 1_000, .infinity: 1_000]
        return UpgradeSample(
            views: ["eu-1": members, "us-1": members],
            traffic: ["eu-1": traffic],
            loneVerdicts: lone
        )
    }

    private static var gates: UpgradeGates { Self.gates(latencyFloor: 50) }

    private static func gates(latencyFloor: Double) -> UpgradeGates {
        var upgrade = UpgradeReport(nodes: UpgradePlan(members: Self.fleet).nodes)
        upgrade.latencyFloor = latencyFloor
        return UpgradeGates(
            upgrade,
            before: UpgradeSample(
                views: [:],
                traffic: ["us-1": Self.sample().traffic["eu-1"] ?? UpgradeSample.Traffic()],
                loneVerdicts: ["old (eu-2)"]
            )
        )
    }

    @Test("goes on while every node sees every other well")
    func gatesHold() {
        #expect(Self.gates.failures(Self.sample(lone: ["old (eu-2)"])).isEmpty)
    }

    @Test("stops when one node sees another fail, but not for the node whose turn it is")
    func gateOfMembers() {
        var fleet = Self.fleet
        fleet[1].state = .failed

        let failures = Self.gates.failures(Self.sample(fleet))
        #expect(
            failures == [
                "eu-2 is failed as eu-1 sees it", "eu-2 is failed as us-1 sees it",
            ]
        )
        #expect(Self.gates.failures(Self.sample(fleet), busy: "eu-2").isEmpty)
        #expect(Self.gates.failures(Self.sample(Array(Self.fleet.dropLast()))).count == 2)
    }

    @Test("stops when a node that is alive does not answer, but not for the node whose turn it is")
    func gateOfSilence() {
        var sample = Self.sample()
        sample.silent = ["eu-2"]
        #expect(Self.gates.failures(sample) == ["eu-2 does not answer"])
        #expect(Self.gates.failures(sample, busy: "eu-2").isEmpty)
    }

    @Test("stops at errors, at latency and at a verdict of one node alone")
    func otherGates() {
        #expect(Self.gates.failures(Self.sample(errors: 20)) == ["eu-1 answers 2.0 % with 5xx"])
        #expect(Self.gates.failures(Self.sample(slow: 50)) == ["p99 is 100.0 ms, was 10.0 ms"])
        #expect(
            Self.gates.failures(Self.sample(lone: ["a:1 (eu-1)"])) == [
                "a:1 (eu-1) is taken for failed by one node alone"
            ]
        )
        let nobody = UpgradeSample(views: [:], traffic: [:], loneVerdicts: [])
        #expect(Self.gates.failures(nobody) == ["no node answers"])
    }

    @Test("takes no growth below the floor for harm")
    func latencyFloor() {
        #expect(Self.gates(latencyFloor: 100).failures(Self.sample(slow: 50)).isEmpty)
        #expect(Self.gates(latencyFloor: 99).failures(Self.sample(slow: 50)).count == 1)
    }

    @Test("counts answers from metrics, and from zero after a restart")
    func traffic() {
        let text = """
            # TYPE kong_http_requests_total counter
            kong_http_requests_total{service="a",code="200",source="service"} 90
            kong_http_requests_total{service="a",code="502",source="kong"} 10
            meshgate_service_latency_ms_bucket{service="a",le="5"} 98
            meshgate_service_latency_ms_bucket{service="a",le="10"} 100
            meshgate_service_latency_ms_bucket{service="a",le="+Inf"} 100
            """
        let traffic = UpgradeSample.Traffic(metrics: text)
        var earlier = UpgradeSample.Traffic()
        earlier.answers = 40
        earlier.errors = 10

        #expect(traffic.answers == 100)
        #expect(traffic.errors == 10)
        #expect(traffic.percentile99 == 10)
        #expect(traffic.since(earlier).answers == 60)
        #expect(traffic.since(earlier).errors == 0)
        earlier.answers = 1_000
        #expect(traffic.since(earlier) == traffic)
    }

    @Test("sees a restart by when the process began, however much it has answered since")
    func restart() {
        let text = { (start: String, answers: Int, errors: Int) in
            """
            process_start_time_seconds \(start)
            kong_http_requests_total{service="a",code="200",source="service"} \(answers)
            kong_http_requests_total{service="a",code="503",source="kong"} \(errors)
            """
        }
        let before = UpgradeSample.Traffic(metrics: text("1000.5", 100, 1))
        let after = UpgradeSample.Traffic(metrics: text("1060.25", 40, 90))
        let later = UpgradeSample.Traffic(metrics: text("1060.25", 90, 90))

        #expect(after.since(before) == after)
        #expect(later.since(after).answers == 50)
        #expect(later.since(after).errors == 0)
        let services = UpgradeSample.Traffic.byService(metrics: text("1060.25", 40, 90))
        #expect(services["a"] == after)
    }
}
