import MeshConsole
import MeshReports
import Testing

@Suite("The tables of shares")
struct BalanceTableTests {
    private static func report() -> BalanceReport {
        var target = TargetShareReport(target: "a:80", address: "a:80", region: "eu", weight: 100)
        target.share = 1
        target.stage = "up"
        target.inFlight = 12
        target.limit = 16
        var report = BalanceReport(
            upstream: "api",
            algorithm: "round-robin",
            regions: [],
            targets: [target]
        )
        var waiting = WaitingReport(waiting: 3, waited: 100, shed: 7)
        waiting.waitedMs = 4.25
        report.waiting = waiting
        return report
    }

    @Test("say what waits at an upstream with limits, and nothing at one without")
    func waiting() {
        var report = Self.report()
        let first = { (report: BalanceReport) in
            BalanceTable([report]).text().split(separator: "\n").first.map(String.init)
        }
        #expect(
            first(report)
                == "api  round-robin  3 wait, 100 have waited for 4.3ms, 7 shed"
        )
        report.waiting?.waitedMs = nil
        #expect(first(report) == "api  round-robin  3 wait, 100 have waited, 7 shed")
        report.waiting = nil
        #expect(first(report) == "api  round-robin")
    }

    @Test("show requests in flight beside what is allowed")
    func limit() {
        let wide = TextTable.Style.wide
        #expect(BalanceTable([Self.report()]).text(wide).contains(" 12 of 16 "))
    }

    @Test("say what passes keys on, and how far targets are filled")
    func bound() {
        var report = Self.report()
        report.waiting = nil
        report.loadBound = 1.25
        report.targets[0].passedOver = 0
        #expect(BalanceTable([report]).text().contains("at most 125 % of a fair share"))
        #expect(!BalanceTable([report]).text().contains("passed on"))
        report.targets[0].passedOver = 312
        #expect(BalanceTable([report]).text().contains("312 requests passed on over its bound"))
    }

    @Test("say who speaks for how many, and nothing of counts that nobody has told")
    func words() {
        var target = TargetShareReport(target: "a:80", address: "a:80", region: "eu", weight: 100)
        (target.stage, target.circuit, target.reason) = ("down", "open", "connection failed")
        var own = ObservationReport(observer: "eu-1", region: "eu", state: .failed)
        (own.failures, own.isProber) = (3, true)
        var near = ObservationReport(observer: "eu-2", region: "eu", state: .failed)
        near.lastFailure = "connection failed"
        var far = ObservationReport(observer: "us-1", region: "us", state: .failed)
        far.nodesAgainst = 2
        target.observations = [own, near, far]
        var report = Self.report()
        report.targets = [target]
        let why = WhyReport(subject: "api", upstreams: [report], events: [], view: Samples.view)
        let text = WhyScreen(why).text()
        #expect(text.contains("eu-1 (checks it) says failed, 3 failed, 0 succeeded, 0s ago"))
        #expect(text.contains("eu-2 (sends to it) says connection failed, 0s ago"))
        #expect(text.contains("us-1 (for 2 nodes of us) says failed, 0s ago"))
        #expect(text.contains("circuit open; its checks fail"))
    }

    @Test("show how full a region would be, and say why not where there is no limit")
    func utilisation() {
        var shift = RegionOrderReport.Shift(upstream: "api", region: "us")
        shift.utilisation = 0.837
        let other = RegionOrderReport.Shift(upstream: "web", region: "us")
        let report = RegionOrderReport(
            region: "eu",
            order: .drain,
            until: nil,
            isDryRun: true,
            shifts: [shift, other]
        )
        let rows = RegionOrderTable(report).text().split(separator: "\n").map(String.init)
        #expect(rows[1].hasSuffix("UTILISATION"))
        #expect(rows[2].hasSuffix("84 %"))
        #expect(rows[3].hasSuffix("–"))
        #expect(rows[4].contains("is not known for web") && rows[4].contains("limits.concurrency"))
    }

    @Test("say beforehand what the order would be refused for")
    func refusal() {
        var report = RegionOrderReport(
            region: "eu",
            order: .drain,
            until: nil,
            isDryRun: true,
            shifts: [RegionOrderReport.Shift(upstream: "api", region: "eu")]
        )
        #expect(!RegionOrderTable(report).text().contains("refused without"))
        report.refusal = "api has regions.spill off"
        #expect(
            RegionOrderTable(report).text().contains(
                "refused without --force: api has regions.spill off\n"
            )
        )
    }
}
