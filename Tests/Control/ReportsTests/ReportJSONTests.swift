import Foundation
import MeshReports
import Testing

@Suite("Reports as JSON")
struct ReportJSONTests {
    private func text(_ report: some Encodable) throws -> String {
        String(decoding: try ReportJSON.encode(report), as: UTF8.self)
    }

    @Test("print a member with every key, nulls included")
    func member() throws {
        var member = MemberReport(
            id: "5f0c7e0a-0000-0000-0000-000000000001",
            name: "ams-1",
            region: "eu-west",
            address: "127.0.0.1:7946"
        )
        member.zone = "a"
        member.mode = .draining
        member.incarnation = 3
        member.version = "1.4.0"
        member.config = ConfigurationVersion(generation: 0, hash: "7c1e")

        #expect(
            try self.text(member) == """
                {"accusations":[],"address":"127.0.0.1:7946","admin_address":null,"age_seconds":null,\
                "config":{"hash":"7c1e","version":""},\
                "id":"5f0c7e0a-0000-0000-0000-000000000001","in_flight":null,"incarnation":3,\
                "load":null,"mode":"draining","name":"ams-1","note":"","region":"eu-west",\
                "rtt_ms":null,"self":false,"since":null,"state":"alive","version":"1.4.0",\
                "zone":"a"}
                """
        )
    }

    @Test("come back as they were")
    func roundTrip() throws {
        var member = MemberReport(id: "a", name: "n", region: "r", address: "127.0.0.1:1")
        member.rttMs = 0.4
        member.isAsked = true
        let view = ViewReport(node: "n", ageSeconds: 0.3, members: 1)
        var event = EventReport(id: 7, time: "t", kind: .config, type: "applied", subject: "n")
        event.details = ["some_key": "v"]
        let target = TargetHealthReport(target: "a:1", address: nil, weight: 100)

        #expect(try self.again(MembersReport(members: [member], view: view)).members == [member])
        #expect(try self.again(event) == event)
        #expect(try self.again(target) == target)
    }

    @Test("are read when a newer node adds keys and an older one lacks those that may be null")
    func tolerant() throws {
        let json = #"{"node":"a","mode":"draining","previous":"normal","novelty":1}"#

        let report = try ReportJSON.decode(DrainReport.self, from: Data(json.utf8))

        #expect(
            report == DrainReport(node: "a", mode: .draining, previous: .normal, inFlight: nil)
        )
    }

    @Test("read Kong's error bodies too")
    func kongFailure() throws {
        let report = try ReportJSON.decode(
            FailureReport.self,
            from: Data(#"{"message":"Not found"}"#.utf8)
        )
        #expect(report == FailureReport(code: "", message: "Not found"))
    }

    private func again<Report: Codable>(_ report: Report) throws -> Report {
        try ReportJSON.decode(Report.self, from: try ReportJSON.encode(report))
    }
}

@Suite("A configuration status")
struct ConfigurationStatusReportTests {
    private let config = ConfigurationVersion(generation: 5, hash: "aa")

    private func node(
        _ member: MemberReport.State,
        _ state: NodeConfigurationReport.State
    ) -> NodeConfigurationReport {
        NodeConfigurationReport(
            name: "n",
            region: "r",
            member: member,
            state: state,
            config: self.config
        )
    }

    private func agreed(_ nodes: [NodeConfigurationReport]) -> Bool {
        let view = ViewReport(node: "n", ageSeconds: 0, members: nodes.count)
        return ConfigurationStatusReport(config: self.config, nodes: nodes, view: view).agreed
    }

    @Test("agrees when every alive node runs it, whatever the dead had")
    func agrees() {
        #expect(self.agreed([self.node(.alive, .running), self.node(.failed, .unknown)]))
    }

    @Test("disagrees while one alive node is pending or rejects it")
    func disagrees() {
        #expect(!self.agreed([self.node(.alive, .running), self.node(.alive, .pending)]))
        #expect(!self.agreed([self.node(.alive, .rejected)]))
    }
}
