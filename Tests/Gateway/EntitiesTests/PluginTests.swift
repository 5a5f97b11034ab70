import MeshEntities
import Testing

@Suite("A plugin")
struct PluginTests {
    @Test("has Kong's defaults")
    func defaults() throws {
        let plugin = try entity(Plugin.self, #"{"name": "correlation-id"}"#)

        #expect(plugin == Plugin(id: someID, name: "correlation-id"))
        #expect(plugin.protocols == [.grpc, .grpcs, .http, .https])
        #expect(plugin.enabled)
    }

    @Test(
        "refuses what Kong refuses, in Kong's words",
        arguments: [
            ("{}", ["name: required field missing"]),
            (#"{"name": "a", "config": []}"#, ["config: expected a record"]),
            (#"{"name": "a", "route": "x"}"#, ["route: expected a record"]),
            (#"{"name": "a", "ordering": null}"#, []),
            (
                #"{"name": "a", "ordering": {"before": {"access": ["b"]}}}"#,
                [
                    "ordering: 'ordering' cannot be obeyed: plugins run in the order of their "
                        + "priorities"
                ]
            ),
            (
                #"{"name": "a", "protocols": ["x"]}"#,
                [
                    "protocols[0]: expected one of: grpc, grpcs, http, https, tcp, tls, "
                        + "tls_passthrough, udp, ws, wss"
                ]
            ),
        ]
    )
    func refusals(json: String, expected: [String]) throws {
        #expect(try complaints(Plugin.self, json) == expected)
    }

    @Test("survives the way to its document and back with every field set")
    func roundTrip() throws {
        let plugin = try entity(
            Plugin.self,
            """
            {"name": "request-termination", "instance_name": "stop", "config":
             {"status_code": 503, "nested": {"b": [1, 2.5, null], "a": "x"}}, "enabled": false,
             "service": {"id": "\(otherID)"}, "protocols": ["http"], "tags": ["a"]}
            """
        )

        let body = plugin.document.canonicalJSON
        let again = try Plugin(decoding: RecordText.decode(body))

        #expect(again.document.canonicalJSON == body)
        #expect(again.config["nested"]?["a"] == .string("x"))
        #expect(again.service == otherID)
    }
}
