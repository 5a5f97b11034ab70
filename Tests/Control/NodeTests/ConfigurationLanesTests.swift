import MeshReports
import Testing

@testable import MeshNode

@Suite("What nodes routed by in the last minutes")
struct ConfigurationLanesTests {
    private static func node(
        _ name: String,
        _ version: Int,
        _ state: NodeConfigurationReport.State = .running,
        member: MemberReport.State = .alive
    ) -> NodeConfigurationReport {
        NodeConfigurationReport(
            name: name,
            region: "eu",
            member: member,
            state: state,
            config: ConfigurationVersion(version: "g\(version)", hash: "\(version)")
        )
    }

    private static func words(_ lanes: ConfigurationLanes, _ name: String) -> [String] {
        lanes.lanes[name, default: []].map { "\($0.at) \($0.config.version) \($0.state)" }
    }

    @Test("are told when they change, and a member that is gone by what it is")
    func changes() {
        var lanes = ConfigurationLanes()
        lanes.note([Self.node("a", 1), Self.node("b", 1)], wallMilliseconds: 1)
        lanes.note([Self.node("a", 1), Self.node("b", 1)], wallMilliseconds: 2)
        lanes.note([Self.node("a", 2), Self.node("b", 1, .pending)], wallMilliseconds: 3)
        lanes.note([Self.node("a", 2), Self.node("b", 1, member: .failed)], wallMilliseconds: 4)

        #expect(Self.words(lanes, "a") == ["1 g1 running", "3 g2 running"])
        #expect(Self.words(lanes, "b") == ["1 g1 running", "3 g1 pending", "4 g1 failed"])

        lanes.note([Self.node("a", 2)], wallMilliseconds: 5)
        #expect(lanes.lanes.keys.sorted() == ["a"])
    }

    @Test("reach back a quarter of an hour, and say how it began")
    func span() {
        var lanes = ConfigurationLanes()
        for (version, time) in [(1, UInt64(0)), (2, 100), (3, ConfigurationLanes.span)] {
            lanes.note([Self.node("a", version)], wallMilliseconds: time)
        }
        #expect(Self.words(lanes, "a").count == 3)

        lanes.note([Self.node("a", 3)], wallMilliseconds: ConfigurationLanes.span + 100)

        #expect(
            Self.words(lanes, "a") == ["100 g2 running", "\(ConfigurationLanes.span) g3 running"]
        )
    }

    @Test("are bounded, by nodes and by changes")
    func bounds() {
        var lanes = ConfigurationLanes()
        let names = (1_000..<1_300).map { "n\($0)" }
        for version in 1...300 {
            lanes.note(names.map { Self.node($0, version) }, wallMilliseconds: UInt64(version))
        }

        #expect(lanes.lanes.count == ConfigurationLanes.nodeLimit)
        #expect(lanes.lanes.values.allSatisfy { $0.count == ConfigurationLanes.changeLimit })
        #expect(lanes.lanes["n1000"]?.last?.config.version == "g300")
    }
}
