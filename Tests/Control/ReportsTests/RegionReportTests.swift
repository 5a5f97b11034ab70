import MeshReports
import Testing

@Suite("A region's report")
struct RegionReportTests {
    @Test("calls a region degraded whose nodes are there and none of whose targets is in use")
    func deadTargets() {
        func state(
            _ state: RegionReport.State,
            _ targets: Int,
            _ healthy: Int
        ) -> RegionReport.State {
            var report = RegionReport(name: "eu", state: state)
            report.count(targets: targets, healthy: healthy)
            return report.state
        }
        #expect(state(.up, 3, 0) == .degraded)
        #expect(state(.up, 3, 1) == .up)
        #expect(state(.up, 0, 0) == .up, "a region of nodes alone")
        #expect(state(.unreachable, 3, 0) == .unreachable)
    }
}
