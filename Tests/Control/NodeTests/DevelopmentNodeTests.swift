import Testing

@testable import MeshNode

@Suite("A development node's welcome")
struct DevelopmentNodeTests {
    @Test("names the sample's route only when it is the sample that is there")
    func routes() {
        var settings = NodeSettings(hostName: "box")
        let sample = DevelopmentNode.welcome(settings)
        settings.configurationFile = "mine.yml"
        let own = DevelopmentNode.welcome(settings)

        #expect(sample.contains("/hello "))
        #expect(!own.contains("/hello"))
        #expect(own.contains("meshctl config diff mine.yml "))
    }
}
