import MeshConsole
import MeshReports
import Testing

@Suite("A checkup")
struct CheckupTests {
    private var wellMembers: MembersReport {
        MembersReport(
            members: [Samples.member("a", "eu", 1), Samples.member("b", "eu", 2)],
            view: Samples.view
        )
    }

    private func status(_ members: MembersReport) -> StatusReport {
        var status = StatusReport(
            node: members.members[0],
            members: members.members,
            view: Samples.view
        )
        status.regions = [Samples.region("eu", usable: 2)]
        status.gossipKeys = 1
        status.openFiles = 100
        status.openFileLimit = 1_000
        return status
    }

    private func run(
        status: StatusReport? = nil,
        members: MembersReport? = nil,
        config: [NodeConfigurationReport] = [Samples.node("a", .running, Samples.newest)],
        targets: [TargetHealthReport] = [Samples.target("t:1", .healthy)],
        clocks: [String: ClockReading] = [
            "a": .init(shown: 1_000_000, asked: 10, answered: 14),
            "b": .init(shown: 1_000_000, asked: 10, answered: 14),
        ]
    ) -> ChecksReport {
        let members = members ?? self.wellMembers
        return Checkup(
            status: status ?? self.status(members),
            members: members,
            config: Samples.configuration(config),
            health: Samples.health(targets),
            clocks: clocks
        ).report
    }

    private func outcome(_ report: ChecksReport, _ code: String) -> CheckReport.Outcome? {
        report.checks.first { $0.code == code }?.outcome
    }

    @Test("is clean when nothing is wrong, and every code is used once")
    func clean() {
        let report = self.run()
        #expect(report.clean)
        #expect(Set(report.checks.map(\.code)).count == report.checks.count)
        #expect(report.checks.allSatisfy { $0.hint.isEmpty })
    }

    @Test("names clocks that are astray, as far as the time that their answers took lets it know")
    func clocks() {
        let own = ClockReading(shown: 1_000_000, asked: 10, answered: 14)
        let report = self.run(clocks: [
            "a": own,
            "even": ClockReading(shown: 1_000_499, asked: 10, answered: 14),
            "slow to answer": ClockReading(shown: 1_003_000, asked: 10, answered: 3_010),
            "b": ClockReading(shown: 1_003_200, asked: 10, answered: 14),
            "c": ClockReading(shown: 990_000, asked: 10, answered: 14),
            "mad": ClockReading(shown: .max, asked: .max, answered: 0),
        ])
        let check = report.checks.first { $0.code == "MESH040" }

        #expect(check?.outcome == .failed)
        #expect(check?.detail.hasPrefix("b is 3.2 s ahead, c is 10.0 s behind, mad is ") == true)
        #expect(self.outcome(self.run(clocks: ["a": own, "b": own]), "MESH040") == .passed)
        #expect(self.outcome(self.run(clocks: ["b": own]), "MESH040") == .warning)
        #expect(self.outcome(self.run(clocks: ["a": own]), "MESH040") == .warning)
        let alone = MembersReport(members: [Samples.member("a", "eu", 1)], view: Samples.view)
        let single = self.run(members: alone, clocks: ["a": own])
        #expect(self.outcome(single, "MESH040") == .passed)
    }

    @Test("judges members")
    func members() {
        let report = self.run(members: Samples.members)
        #expect(self.outcome(report, "MESH002") == .failed)
        #expect(self.outcome(report, "MESH003") == .warning)
        #expect(report.checks.first { $0.code == "MESH002" }?.detail == "nyc-2 is down")
    }

    @Test(
        "judges regions: one usable node is a warning, none a failure",
        arguments: [
            (2, CheckReport.Outcome.passed), (1, .warning), (0, .failed),
        ]
    )
    func regions(usable: Int, expected: CheckReport.Outcome) {
        var status = self.status(self.wellMembers)
        status.regions = [Samples.region("eu", usable: usable)]
        #expect(self.outcome(self.run(status: status), "MESH001") == expected)
    }

    @Test("judges configurations")
    func configuration() {
        let report = self.run(config: [
            Samples.node("a", .running, Samples.newest),
            Samples.node("b", .rejected, Samples.older),
        ])
        #expect(self.outcome(report, "MESH004") == .failed)
        #expect(self.outcome(report, "MESH005") == .failed)
    }

    @Test("judges versions")
    func versions() {
        var members = self.wellMembers
        members.members[1].version = "1.5.0"
        #expect(self.outcome(self.run(members: members), "MESH006") == .warning)
    }

    @Test("judges targets")
    func targets() {
        let some = self.run(targets: [
            Samples.target("t:1", .healthy), Samples.target("t:2", .excluded),
        ])
        #expect(self.outcome(some, "MESH010") == .passed)
        #expect(self.outcome(some, "MESH011") == .warning)
        let none = self.run(targets: [Samples.target("t:2", .excluded)])
        #expect(self.outcome(none, "MESH010") == .failed)
        let nameless = self.run(targets: [Samples.target("t:3", .unresolved)])
        #expect(self.outcome(nameless, "MESH012") == .failed)
    }

    @Test("judges the node and its keys")
    func node() {
        var status = self.status(self.wellMembers)
        status.gossipKeys = 2
        status.rejected = ["replayed": 3]
        status.ready = false
        status.readiness = "draining"
        status.openFiles = 700
        let report = self.run(status: status)
        #expect(self.outcome(report, "MESH020") == .warning)
        #expect(self.outcome(report, "MESH021") == .warning)
        #expect(self.outcome(report, "MESH041") == .failed)
        #expect(self.outcome(report, "MESH042") == .failed)
        #expect(self.outcome(report, "MESH043") == .passed)
        status.configFileDiffers = true
        #expect(self.outcome(self.run(status: status), "MESH043") == .warning)
        status.gossipKeys = 0
        #expect(self.outcome(self.run(status: status), "MESH020") == .failed)
    }

    @Test("prints what to do about what did not pass")
    func screen() {
        let report = self.run(targets: [
            Samples.target("t:1", .healthy), Samples.target("t:2", .excluded),
        ])
        #expect(
            CheckScreen(report).text(detail: .troubled) == """
                targets
                  ! MESH011 every target takes traffic                        t:2
                    → meshctl health shows who saw what
                25 checks: 24 passed, 1 warning, 0 failed · \
                asked ams-1, view 0.3 s old, 5 members known

                """
        )
        #expect(
            CheckScreen(report).text().contains(
                "  ✓ MESH014 this node's own network works"
            )
        )
    }

    @Test(
        "names what keeps a node from its mesh and its disk",
        arguments: [
            (TroubleReport.Kind.name, "MESH007"), (.path, "MESH009"), (.disk, "MESH044"),
            (.twin, "MESH013"), (.isolation, "MESH014"), (.mesh, "MESH015"), (.table, "MESH016"),
            (.version, "MESH017"), (.certificateEnded, "MESH022"),
        ]
    )
    func troubles(kind: TroubleReport.Kind, code: String) {
        var status = self.status(self.wellMembers)
        status.troubles = [TroubleReport(kind: kind, subject: "s", message: "why")]
        let report = self.run(status: status)

        #expect(self.outcome(report, code) == .failed)
        #expect(report.checks.first { $0.code == code }?.detail.contains("why") == true)
        #expect(report.checks.count { $0.outcome != .passed } == 1)
    }

    @Test("warns of a seed that is down, and fails when the node is alone")
    func seeds() {
        var status = self.status(self.wellMembers)
        status.troubles = [TroubleReport(kind: .seed, subject: "mesh.example", message: "no host")]
        #expect(self.outcome(self.run(status: status), "MESH008") == .warning)

        let alone = MembersReport(members: [Samples.member("a", "eu", 1)], view: Samples.view)
        #expect(self.outcome(self.run(status: status, members: alone), "MESH008") == .failed)
    }

    @Test("of an isolated node accuses nobody else")
    func isolated() {
        var lost = Samples.member("b", "eu", 2)
        lost.state = .failed
        let members = MembersReport(
            members: [Samples.member("a", "eu", 1), lost],
            view: Samples.view
        )
        var status = self.status(members)
        #expect(self.outcome(self.run(status: status, members: members), "MESH002") == .failed)

        status.troubles = [TroubleReport(kind: .isolation, subject: "a", message: "cut off")]
        #expect(self.outcome(self.run(status: status, members: members), "MESH002") == .warning)
    }

    @Test("accuses nobody of an old configuration who is cut off from here")
    func cutOff() {
        let members = self.wellMembers
        var status = self.status(members)
        let behind = [
            Samples.node("a", .running, Samples.newest), Samples.node("b", .pending, Samples.older),
        ]
        #expect(self.outcome(self.run(status: status, config: behind), "MESH004") == .failed)

        let address = members.members[1].address
        status.troubles = [TroubleReport(kind: .path, subject: address, message: "UDP is cut")]
        let report = self.run(status: status, config: behind)
        #expect(self.outcome(report, "MESH004") == .warning)
        #expect(self.outcome(report, "MESH009") == .failed)
    }
}
