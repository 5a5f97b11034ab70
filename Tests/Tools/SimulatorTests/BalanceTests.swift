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

    @Test(
        "break a promise by every mistake that can be planted",
        arguments: BalanceMistake.allCases
    )
    func mistakes(mistake: BalanceMistake) {
        let findings = mistake.findings(seed: 1)

        #expect(findings.contains { !$0.isKept }, "\(findings.map(\.text))")
    }
}
