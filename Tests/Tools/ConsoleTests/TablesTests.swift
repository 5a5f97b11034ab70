import MeshConsole
import MeshReports
import Testing

@Suite("The tables")
struct TablesTests {
    @Test("show members as the sample in the design does")
    func members() {
        #expect(
            MemberTable(Samples.members).text() == """
                ST  NODE   REGION   ADDRESS         VERSION  CONFIG    AGE   RTT    LOAD  NOTE
                UN  ams-1  eu-west  127.0.0.1:7946  1.4.0    g41 7c1e  6d2h  self   31 %
                UD  fra-1  eu-west  127.0.0.1:7966  1.4.0    g41 7c1e  3m    9.8ms  0 %   \
                draining, 14 requests left
                SN  nyc-1  us-east  127.0.0.1:7976  1.4.0    g40 b09d  –     81ms   –     \
                suspect since 3 s
                DN  nyc-2  us-east  127.0.0.1:7986  1.4.0    g40 b09d  –     –      –     \
                failed
                LN  nyc-3  us-east  127.0.0.1:7996  1.4.0    g41 7c1e  –     –      –     \
                left

                5 members: 2 up, 1 suspect, 1 down, 1 left · config 7c1e on 2 · \
                asked ams-1, view 0.3 s old
                first letter U up, S suspect, D down, L left; \
                second N normal, D draining, M maintenance

                """
        )
    }

    @Test("never exceed 100 columns unless wide")
    func width() {
        var report = Samples.members
        report.members[0].name = String(repeating: "long-name-", count: 12)
        let rows = MemberTable(report).text().split(separator: "\n").prefix(6)
        #expect(rows.allSatisfy { $0.count <= 100 })
        let wide = MemberTable(report).text(.wide)
        #expect(wide.contains(report.members[0].name))
        #expect(wide.contains("draining, 14 requests left"))
    }

    @Test("show changesets, what came of them, and where they are live")
    func history() {
        var first = Samples.changeset("1f00ab34:7", 41)
        first.nodes = ["ams-1", "fra-1"]
        first.conflicts = 1
        var second = Samples.changeset("2b00ab34:1", 40)
        second.outcome = .refused
        let report = HistoryReport(
            config: first.config,
            changesets: [first, second],
            checkpoint: .none,
            view: Samples.view
        )
        #expect(
            HistoryTable(report).text() == """
                CHANGESET   CONFIG    WRITTEN              NODE   AUTHOR  CHANGES      LIVE ON      \
                MESSAGE
                1f00ab34:7  g41 7c1e  2026-11-20 22:41:07  ams-1  alice   +1 ~0 -0 !1  ams-1,fra-1  \
                lower timeout
                2b00ab34:1  g40 7c1e  2026-11-20 22:41:07  ams-1  alice   refused                   \
                lower timeout

                config g41 7c1e · nothing is older · asked ams-1, view 0.3 s old, 5 members known

                """
        )
    }

    @Test("show a changeset with its changes and its conflicts")
    func changeset() {
        let detail = ChangesetDetailReport(
            changeset: Samples.changeset("1f00ab34:7", 41),
            changes: Samples.changes,
            conflicts: [Samples.conflict]
        )
        #expect(
            ChangesetScreen(detail).text() == """
                changeset  1f00ab34:7
                config     g41 7c1e
                written    2026-11-20T22:41:07.120Z at ams-1 by alice
                message    lower timeout
                outcome    applied
                conflict   5f3a09c1: services web, won over 2b00ab34:1

                + services s
                    host: "a"
                1 to create, 0 to update, 0 to delete

                """
        )
    }

    @Test("show conflicts with what stands and what lost")
    func conflicts() {
        let report = ConflictsReport(conflicts: [Samples.conflict], view: Samples.view)
        #expect(
            ConflictTable(report).text() == """
                CONFLICT  STATE  ENTITY        STANDS               LOST                 WHAT LOST
                5f3a09c1  open   services web  1f00ab34:7 at ams-1  2b00ab34:1, deletes

                1 conflict, 1 open · apply what lost: meshctl config conflicts apply ID · \
                asked ams-1, view 0.3 s old

                """
        )
        #expect(
            ConflictTable(ConflictsReport(conflicts: [], view: Samples.view)).text()
                == "no conflicts · asked ams-1, view 0.3 s old, 5 members known\n"
        )
    }

    @Test("show regions")
    func regions() {
        var lost = Samples.region("us", usable: 0)
        lost.note = "last seen 9 s ago"
        let report = RegionsReport(
            regions: [Samples.region("eu", usable: 2), lost],
            view: Samples.view
        )
        #expect(
            RegionTable(report).text() == """
                REGION  STATE  NODES  UP  USABLE  TARGETS  HEALTHY  IN FLIGHT  NOTE
                eu      up         2   2       2        0        0          0
                us      down       2   0       0        0        0          0  last seen 9 s ago

                asked ams-1, view 0.3 s old, 5 members known

                """
        )
    }

    @Test("show who sees which target how, and the evidence behind the verdict")
    func health() {
        let dissent = Samples.target(
            "127.0.0.1:9002",
            .healthy,
            [
                Samples.observation("ams-1", .ok),
                Samples.observation("ams-2", .failed, failures: 5, last: "503"),
            ]
        )
        var slow = Samples.target(
            "127.0.0.1:9003",
            .lowered,
            [
                Samples.observation("ams-1", .failing, failures: 1, last: "timeout")
            ]
        )
        slow.factor = 0.5
        slow.region = "us"
        var dead = Samples.target("127.0.0.1:9004", .excluded)
        dead.reason = "refused by 2"
        #expect(
            TargetTable(Samples.health([dissent, slow, dead])).text() == """
                api  round-robin, traffic goes to eu
                TARGET          REGION  WEIGHT  ams-1  ams-2  VERDICT
                127.0.0.1:9002  –          100  ok     FAIL5  \
                healthy, 1 of 2 observers object (ams-2: 503, 8s ago)
                127.0.0.1:9003  us         100  fail1  –      \
                lowered to 50 %, 1 of 1 observers object (ams-1: time…
                127.0.0.1:9004  –          100  –      –      excluded: refused by 2

                asked ams-1, view 0.3 s old, 5 members known

                """
        )
    }

    @Test("show at most six observers, those with bad news among them")
    func manyObservers() {
        let observations = (1...9).map { Samples.observation("n\($0)", $0 == 9 ? .failed : .ok) }
        let report = Samples.health([Samples.target("a:1", .healthy, observations)])
        let text = TargetTable(report).text()
        #expect(text.contains("n1  n2  n3  n4  n5  n9    VERDICT"))
        #expect(text.contains("3 observers not shown; see -o wide"))
    }

    @Test("show which node runs which configuration")
    func configuration() {
        var rejecting = Samples.node("fra-1", .rejected, Samples.older)
        rejecting.reason = "unknown plugin"
        rejecting.ageSeconds = 51
        rejecting.lag = 2
        let report = Samples.configuration([
            Samples.node("ams-1", .running, Samples.newest), rejecting,
        ])
        #expect(
            ConfigurationTable(report).text() == """
                NODE   REGION  MEMBER  STATE     CONFIG    AGE  LAG  REASON
                ams-1  eu      alive   running   g41 7c1e  –      –
                fra-1  eu      alive   rejected  g40 b09d  51s    2  unknown plugin

                config g41 7c1e on 1 of 2 alive nodes · asked ams-1, view 0.3 s old, \
                5 members known

                """
        )
    }

    @Test("list changes with old and new values")
    func changes() {
        let changes = [
            ChangeReport(
                action: .create,
                kind: "routes",
                id: "r",
                name: "new",
                fields: [ChangeReport.Field(path: "paths", old: nil, new: "[\"/x\"]")]
            ),
            ChangeReport(
                action: .update,
                kind: "services",
                id: "s",
                name: "web",
                fields: [ChangeReport.Field(path: "retries", old: "5", new: nil)]
            ),
            ChangeReport(action: .delete, kind: "targets", id: "t", name: "", fields: []),
        ]
        #expect(
            ChangeList(changes).text() == """
                + routes new
                    paths: ["/x"]
                ~ services web
                    retries: 5 → unset
                - targets t
                1 to create, 1 to update, 1 to delete

                """
        )
        #expect(ChangeList([]).text() == "no difference\n")
    }

    @Test("print an event on one line")
    func event() {
        var event = EventReport(
            id: 1,
            time: "2026-11-20T22:41:07.120Z",
            kind: .membership,
            type: "suspect",
            subject: "nyc-1"
        )
        #expect(EventLine(event).text() == "2026-11-20 22:41:07.120  membership suspect nyc-1")
        event.message = "2 of 10\nsuspect it"
        #expect(
            EventLine(event).text()
                == "2026-11-20 22:41:07.120  membership suspect nyc-1  2 of 10?suspect it"
        )
    }

    @Test("show one node and its mesh on one screen")
    func status() {
        let members = Samples.members
        var report = StatusReport(
            node: members.members[0],
            members: members.members,
            view: Samples.view
        )
        report.cluster = "meshgate"
        report.proxyAddresses = ["127.0.0.1:8000"]
        report.uptimeSeconds = 3_700
        report.entities = ["services": 2, "routes": 3, "plugins": 0, "acls": 1]
        report.requests = 7
        report.connections = 1
        report.rejected = ["unknown key": 4, "replayed": 0]
        report.configAgreed = false
        #expect(
            StatusScreen(report).text() == """
                cluster  meshgate
                node     ams-1 in eu-west, up 1h1m, version 1.4.0
                traffic  ready; 7 requests, 1 connection open
                listens  127.0.0.1:8000
                members  2 up, 1 suspect, 1 down, 1 left, 1 draining
                config   g41 7c1e, alive nodes disagree
                holds    1 acl, 3 routes, 2 services
                refused  4 unknown key (gossip)

                asked ams-1, view 0.3 s old, 5 members known

                """
        )
    }
}
