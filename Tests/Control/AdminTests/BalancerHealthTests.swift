import MeshEntities
import MeshReports
import Testing

@testable import MeshAdmin

@Suite("The health of a balancer, as Kong's")
struct BalancerHealthTests {
    @Test("is that of what is left above the upstream's threshold")
    func threshold() {
        #expect(HealthPaths.isUsable(1, of: 150, threshold: 0))
        #expect(!HealthPaths.isUsable(0, of: 150, threshold: 0))
        #expect(HealthPaths.isUsable(100, of: 150, threshold: 60))
        #expect(!HealthPaths.isUsable(100, of: 150, threshold: 66.7))
        #expect(!HealthPaths.isUsable(75, of: 150, threshold: 50), "at the threshold it is closed")
    }

    @Test("counts no weight of what an operator has taken out, as choosing a target does")
    func takenOut() throws {
        let id = try #require(EntityID("6e7f9c7e-3c0b-4d6e-9d2c-0a3d0c8f4b11"))
        let row = EntityRow(kind: .targets, id: id, document: .record(["weight": .integer(50)]))
        var report = TargetHealthReport(target: "a:80", address: "10.0.0.1:80", weight: 50)
        let weights = [TargetHealthReport.Verdict.healthy, .excluded, .draining, .disabled].map {
            report.verdict = $0
            let view = TargetView(row: row, addresses: [report])
            return [view.available, view.total]
        }
        #expect(weights == [[50, 50], [0, 50], [0, 0], [0, 0]])
    }
}
