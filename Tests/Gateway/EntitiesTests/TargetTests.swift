import Testing

@testable import MeshEntities

@Suite("A target")
struct TargetTests {
    @Test(
        "has a port, 8000 when none is written",
        arguments: [
            ("a", "a:8000", "a", 8_000), ("a:1", "a:1", "a", 1),
            ("10.0.0.1", "10.0.0.1:8000", "10.0.0.1", 8_000),
            ("[::1]:9", "[::1]:9", "::1", 9), ("::1", "[::1]:8000", "::1", 8_000),
        ]
    )
    func ports(written: String, target: String, host: String, port: Int) throws {
        let found = try self.target(#""target": "\#(written)""#)

        #expect(found.target == target)
        #expect(found.host == host)
        #expect(found.port == port)
    }

    @Test("is refused when an IPv6 address may have a port behind it or not, with both remedies")
    func ambiguous() {
        let text = "fd77::2:9001"
        let reason = TextRule.target(text)

        #expect(reason?.contains("[fd77::2]:9001") == true)
        #expect(reason?.contains("[fd77::2:9001]") == true)
        #expect(TextRule.target("fd77::2:10001")?.contains("[fd77::2]:10001") == true)
        #expect(TextRule.target("[fd77::2]:9001") == nil)
        #expect(TextRule.target("[fd77::2:9001]") == nil)
        #expect(TextRule.target("::1") == nil)
        #expect(TextRule.target("2001:db8::10") == nil)
    }

    @Test("reads region and zone from its tags")
    func region() throws {
        let target = try self.target(#""target": "a", "tags": ["x", "region:eu", "zone:b"]"#)

        #expect(target.region == "eu")
        #expect(target.zone == "b")
        #expect(try self.target(#""target": "a""#).region == nil)
    }

    @Test(
        "refuses what Kong refuses, in Kong's words",
        arguments: [
            (
                #"{}"#,
                ["target: required field missing", "upstream: required field missing"]
            ),
            (
                #"{"target": "a b", "upstream": {"id": "\#(otherID)"}}"#,
                ["target: Invalid target ('a b'); not a valid hostname or ip address"]
            ),
            (
                #"{"target": "256.1.1.1:80", "upstream": {"id": "\#(otherID)"}}"#,
                ["target: Invalid target ('256.1.1.1:80'); not a valid hostname or ip address"]
            ),
            (
                #"{"target": "a", "weight": 65536, "upstream": {"id": "\#(otherID)"}}"#,
                ["weight: value should be between 0 and 65535"]
            ),
        ]
    )
    func refusals(json: String, expected: [String]) throws {
        #expect(try complaints(Target.self, json) == expected)
    }

    @Test("survives the way to its document and back with every field set")
    func roundTrip() throws {
        var target = Target(id: someID, target: "a:1", upstream: otherID, weight: 0)
        target.failover = true
        target.tags = ["region:eu"]
        (target.createdAt, target.updatedAt) = (1_693_400_000.123, 1_693_400_001)

        let body = target.document.canonicalJSON

        #expect(try Target(decoding: RecordText.decode(body)) == target)
    }

    private func target(_ fields: String) throws -> Target {
        try entity(Target.self, #"{\#(fields), "upstream": {"id": "\#(otherID)"}}"#)
    }
}
