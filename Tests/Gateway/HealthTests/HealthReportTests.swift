import MeshHealth
import MeshPrimitives
import Testing

@Suite("A health report")
struct HealthReportTests {
    private let report: HealthReport = {
        var report = HealthReport()
        report.isAbstaining = true
        report.votes[TargetID(rawValue: 7)] = HealthVote(
            stance: .down,
            reason: .timedOut,
            isChecker: true,
            failures: 12
        )
        report.votes[TargetID(rawValue: .max)] = HealthVote(
            stance: .up,
            reason: .answering,
            isChecker: false,
            successes: .max
        )
        return report
    }()

    @Test("is the same after a trip over the wire")
    func roundTrip() throws {
        #expect(try HealthReport(decoding: self.report.encoded) == self.report)
    }

    @Test("is refused when cut short anywhere")
    func truncated() {
        let bytes = self.report.encoded
        for count in bytes.indices {
            #expect(throws: ByteReaderError.self) {
                try HealthReport(decoding: Array(bytes[..<count]))
            }
        }
    }

    @Test("never traps on flipped bytes")
    func flipped() {
        let bytes = self.report.encoded
        var refused = 0
        for index in bytes.indices {
            var hostile = bytes
            hostile[index] ^= 0xFF
            if (try? HealthReport(decoding: hostile)) == nil { refused += 1 }
        }
        #expect(refused >= 4, "version, count and two stances at least")
    }
}
