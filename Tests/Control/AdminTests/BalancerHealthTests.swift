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
}
