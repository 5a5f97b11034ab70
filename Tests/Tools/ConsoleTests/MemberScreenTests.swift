import MeshReports
import Testing

@testable import MeshConsole

@Suite("The screen of one member")
struct MemberScreenTests {
    @Test("says who accuses it of what, when, and what the probe has shown")
    func accusations() {
        var member = Samples.member("ams-2", "eu", 2)
        member.state = .suspect
        member.accusations = [
            AccusationReport(
                verdict: "suspect",
                accuser: "fra-1",
                time: "2026-11-26T20:00:00Z",
                evidence: "UDP unanswered"
            )
        ]

        let text = MemberScreen(member).text

        #expect(text.contains("state        suspect"))
        #expect(
            text.hasSuffix(
                "said against it:\n  2026-11-26T20:00:00Z  suspect by fra-1: UDP unanswered\n"
            )
        )
    }

    @Test("lets no text steer the terminal")
    func escapes() {
        var member = Samples.member("ams-2", "eu", 2)
        member.note = "\u{1B}[31m"

        #expect(!MemberScreen(member).text.contains("\u{1B}"))
    }
}
