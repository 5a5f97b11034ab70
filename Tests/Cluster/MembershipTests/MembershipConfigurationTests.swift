import MeshMembership
import Testing

@Suite("A membership configuration")
struct MembershipConfigurationTests {
    @Test(
        "is valid in every preset",
        arguments: [MembershipConfiguration.lan, .wan, .local]
    )
    func presets(preset: MembershipConfiguration) throws {
        #expect(try preset.validated() == preset)
    }

    @Test("tells which field is out of range, and what it may be")
    func explains() {
        var configuration = MembershipConfiguration.lan
        configuration.probeTimeout = .milliseconds(800)

        let error = #expect(throws: MembershipConfigurationError.self) {
            try configuration.validated()
        }

        #expect(
            error.map(String.init(describing:))
                == "membership.probeTimeout is 0.8 seconds, but must be 0.001 seconds to 0.5 seconds"
        )
    }
}
