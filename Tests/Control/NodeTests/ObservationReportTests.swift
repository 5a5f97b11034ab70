import MeshPrimitives
import MeshReports
import Testing

@testable import MeshHealth
@testable import MeshNode

@Suite("Who says what of a target")
struct ObservationReportTests {
    private static func id(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

    private static func member(_ number: UInt64, _ region: String) -> (String, MemberReport) {
        let id = Self.id(number).description
        var report = MemberReport(id: id, name: "n\(number)", region: region, address: "")
        report.isAsked = number == 1
        return (id, report)
    }

    private static func view(
        _ votes: [(UInt64, HealthStance, failures: UInt16)]
    ) -> MeshHealth.TargetView {
        MeshHealth.TargetView(
            target: HealthTarget(
                id: TargetID(rawValue: 1),
                upstream: "api",
                name: "a:80",
                endpoint: Endpoint(address: .v4(1), port: 80),
                region: "eu"
            ),
            verdict: .excluded,
            stage: .down,
            age: .zero,
            reason: .connectFailed,
            evidence: HealthEvidence(),
            nextTry: nil,
            factor: 0,
            observers: votes.map { number, stance, failures in
                MeshHealth.TargetView.Observer(
                    node: Self.id(number),
                    vote: HealthVote(
                        stance: stance,
                        reason: stance == .up ? .none : .connectFailed,
                        isChecker: stance == .up,
                        failures: failures
                    ),
                    age: .zero
                )
            }
        )
    }

    private let members = Dictionary(
        uniqueKeysWithValues: [
            Self.member(1, "eu"), Self.member(2, "eu"), Self.member(3, "us"), Self.member(4, "us"),
        ]
    )

    @Test("is a region's word where one speaks for it, and nothing from who is silent there")
    func regionWord() {
        let view = Self.view([(1, .down, 9), (2, .up, 0), (3, .down, 2), (4, .up, 0)])
        let reports = ObservationReport.all(of: view, self.members)
        #expect(reports.map(\.observer) == ["n1", "n2", "n3"])
        #expect(reports.map(\.failures) == [9, 0, 0])
        #expect(reports.map(\.nodesAgainst) == [nil, nil, 2])
        #expect(reports.map(\.state) == [.failed, .ok, .failed])
        #expect(reports.objection == "1 of 2 observers, 2 nodes of us")
    }

    @Test("is that a far checker finds it up while nobody there objects")
    func silent() {
        let reports = ObservationReport.all(of: Self.view([(4, .up, 0)]), self.members)
        #expect(reports.map(\.observer) == ["n4"])
        #expect(reports.map(\.state) == [.ok])
        #expect(reports.objection == nil)
    }

    @Test("is counted apart from what a far region says, also where nobody there objects")
    func farConsent() {
        let view = Self.view([(1, .down, 9), (2, .up, 0), (4, .up, 0)])
        let reports = ObservationReport.all(of: view, self.members)
        #expect(reports.map(\.nodesAgainst) == [nil, nil, 0])
        #expect(reports.objection == "1 of 2 observers")
    }
}
