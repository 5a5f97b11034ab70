import CMeshSystem
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("standard-webhooks: only what is signed passes (Kong 3.9)")
struct StandardWebhooksTests {
    private static let body = #"{"test": 2432232314}"#

    private static func now(_ shift: Int64 = 0) -> Int64 {
        mesh_clock_wall_milliseconds() / 1_000 + shift
    }

    /// The code by the `openssl` command, so that it is not our own code that agrees with itself.
    private static func signature(
        _ time: Int64,
        body: String = Self.body,
        secret: String = "secret"
    ) throws -> String {
        let said = try Command.run(
            [
                "sh", "-c",
                "openssl dgst -sha256 -hmac \"$1\" -binary | openssl base64 -A", "sh", secret,
            ],
            input: "msg_1.\(time).\(body)"
        )
        return "v1,\(said)"
    }

    private static func lines(_ time: Int64, _ signature: String) -> [String] {
        [
            "Webhook-Id: msg_1", "Webhook-Timestamp: \(time)", "Webhook-Signature: \(signature)",
            "Content-Length: \(Self.body.utf8.count)",
        ]
    }

    private func gateway(
        _ more: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> PluginGateway {
        var config = [DocumentField("secret_v1", .string("secret"))]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return try PluginGateway([("standard-webhooks", .object(config))])
    }

    @Test("lets a signed body pass, unchanged, also when one of several signatures is right")
    func signed() throws {
        let plugin = try self.gateway()
        let time = Self.now()
        let right = try Self.signature(time)
        for signature in [right, "v1,AAAA \(right)", "\(right) v2,x"] {
            let answer = plugin.ask("POST", "/a", Self.lines(time, signature), body: Self.body)
            #expect(answer?.status == 200)
            #expect(answer?.text.hasSuffix("\n\n\(Self.body)") == true)
        }
    }

    @Test("answers 400 to another body, secret, id, time or form, and asks no target")
    func refused() throws {
        let plugin = try self.gateway()
        let time = Self.now()
        let right = try Self.signature(time)
        let old = Self.now(-400)
        let wrong = [
            Self.lines(time, try Self.signature(time, body: "other")),
            Self.lines(time, try Self.signature(time, secret: "other")),
            Self.lines(time, String(right.dropFirst(3))),
            Self.lines(time, "v1,"),
            Self.lines(old, try Self.signature(old)),
            Self.lines(time - 1, right),
            Self.lines(time, right).map { $0.replacing("msg_1", with: "msg_2") },
            Self.lines(time, right).map { $0.replacing("\(time)", with: "soon") },
        ]
        for lines in wrong {
            let answer = plugin.ask("POST", "/a", lines, body: Self.body)
            #expect(answer?.status == 400, "\(lines)")
            #expect(answer?.text.contains("Bad request") == true)
        }
        for missing in 0..<3 {
            var lines = Self.lines(time, right)
            lines.remove(at: missing)
            #expect(plugin.ask("POST", "/a", lines, body: Self.body)?.status == 400)
        }
        #expect(plugin.origin.requests.isEmpty)
    }

    @Test("refuses a body that is empty, or of a request whose body is never looked at")
    func bodiless() throws {
        let plugin = try self.gateway()
        let time = Self.now()
        let empty = try Self.signature(time, body: "")
        let lines = Array(Self.lines(time, empty).dropLast())
        #expect(plugin.ask("POST", "/a", lines + ["Content-Length: 0"])?.status == 400)
        #expect(plugin.ask("GET", "/a", lines)?.status == 400)
        let upgrade = [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        #expect(plugin.ask("GET", "/a", lines + upgrade)?.status == 400)
        let call = Self.lines(time, empty) + ["Content-Type: application/grpc"]
        let answer = plugin.ask("POST", "/a", call, body: Self.body)
        #expect(answer?.status != 200 || answer?["grpc-status"] != nil)
        #expect(plugin.origin.requests.isEmpty)
    }

    @Test("takes older ones as far as it is told (tolerance_second)")
    func tolerance() throws {
        let plugin = try self.gateway(["tolerance_second": .integer(10_000)])
        let old = Self.now(-5_000)
        let answer = plugin.ask(
            "POST",
            "/a",
            Self.lines(old, try Self.signature(old)),
            body: Self.body
        )
        #expect(answer?.status == 200)
    }
}
