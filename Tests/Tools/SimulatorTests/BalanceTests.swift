import MeshSimulator
import Testing

@Suite("Requests shared out in simulations")
struct BalanceTests {
    @Test("keep what is promised of latency, shares and overload, and repeat themselves exactly")
    func promises() {
        let findings = BalanceCases.runQuick(seed: 1)
        let again = BalanceCases.runQuick(seed: 1)

        for finding in findings { #expect(finding.isKept, "\(finding.name): \(finding.text)") }
        #expect(findings.map(\.text) == again.map(\.text))
    }
}
