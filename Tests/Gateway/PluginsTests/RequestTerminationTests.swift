import MeshEntities
import MeshHTTP
import Testing

@testable import MeshPlugins

@Suite("request-termination")
struct RequestTerminationTests {
    private func body(_ answer: PluginAnswer?) -> String {
        String(decoding: answer?.body ?? [], as: UTF8.self)
    }

    @Test(
        "has Kong's message for the statuses that have one",
        arguments: [
            (Int64(401), "Unauthorized"), (404, "Not found"), (405, "Method not allowed"),
            (500, "An unexpected error occurred"), (502, "Bad Gateway"),
            (503, "Service unavailable"),
        ]
    )
    func defaultMessages(status: Int64, message: String) throws {
        let chain = try PluginChain("request-termination", ["status_code": .integer(status)])

        let answer = Exchange(chain).answer

        #expect(answer?.status == UInt16(status))
        #expect(self.body(answer) == #"{"message":"\#(message)"}"#)
    }

    @Test("has no body for other statuses")
    func noBody() throws {
        let chain = try PluginChain("request-termination", ["status_code": .integer(418)])

        #expect(Exchange(chain).answer?.body == [])
        #expect(Exchange(chain).answer?.contentType == [])
    }

    @Test("escapes its message for JSON (RFC 8259 section 7)")
    func escapes() throws {
        let chain = try PluginChain(
            "request-termination",
            ["message": .string("a \"b\" \\ \n\r\t\u{1}é")]
        )

        #expect(
            self.body(Exchange(chain).answer)
                == #"{"message":"a \"b\" \\ \n\r\t\u0001é"}"#
        )
    }

    @Test("gives the configured body and type as they are")
    func configuredBody() throws {
        let chain = try PluginChain(
            "request-termination",
            ["body": .string("<p>"), "content_type": .string("text/html")]
        )

        let answer = try #require(Exchange(chain).answer)

        #expect(self.body(answer) == "<p>")
        #expect(String(decoding: answer.contentType, as: UTF8.self) == "text/html")
    }

    @Test(
        "with a trigger answers only requests that have it as a header or parameter",
        arguments: [
            ("/", "", false), ("/", "STOP-now: \r\n", true), ("/?a=1&Stop-Now", "", true),
            ("/?Stop%2DNow=1", "", true), ("/?stop-now", "", false), ("/?a=Stop-Now", "", false),
            ("/?Stop-Nowx", "", false), ("/?Stop-No", "", false), ("/?", "", false),
            ("/?&&Stop-Now=", "", true), ("/?Stop%2", "", false), ("/Stop-Now", "", false),
        ]
    )
    func trigger(target: String, lines: String, applies: Bool) throws {
        let chain = try PluginChain("request-termination", ["trigger": .string("Stop-Now")])

        #expect((Exchange(chain, target: target, lines: lines).answer != nil) == applies)
    }

    @Test("writes a whole response")
    func response() throws {
        let chain = try PluginChain("request-termination")
        let answer = try #require(Exchange(chain).answer)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_024, alignment: 1)
        defer { output.deallocate() }
        var writer = HeadWriter(output)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)

        answer.write(
            context: GeneratedResponse.Context(
                keepsClient: true,
                requestID: nothing,
                product: nothing
            ),
            fields: nothing,
            into: &writer
        )

        let written = try #require(writer.written)
        let text = String(decoding: written, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(text.contains("Content-Length: 33\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{\"message\":\"Service unavailable\"}"))
    }

    @Test(
        "refuses settings in Kong's words",
        arguments: [
            (
                ["message": .string("a"), "body": .string("b")], "config.message",
                "message cannot be used with content_type or body"
            ),
            (
                ["content_type": .string("a")], "config.content_type",
                "content_type requires a body"
            ),
            (
                ["echo": .bool(true), "body": .string("b")], "config.echo",
                "echo cannot be used with content_type and body"
            ),
            (
                ["status_code": .integer(600)], "config.status_code",
                "value should be between 100 and 599"
            ),
            (
                ["status_code": .integer(101)], "config.status_code",
                "an interim status cannot end a request"
            ),
            (["status_code": .string("x")], "config.status_code", "expected an integer"),
            (
                ["body": .string("b"), "content_type": .string("a\r\nb")], "config.content_type",
                "a header value has no control characters"
            ),
        ] as [([String: DocumentValue], String, String)]
    )
    func refusals(config: [String: DocumentValue], field: String, message: String) {
        var plugin = Plugin.numbered(1, "request-termination")
        plugin.config = .object(config.map { DocumentField($0.key, $0.value) })
        let error = #expect(throws: PluginError.self) { try PluginChain([plugin]) }

        #expect(error?.field == field)
        #expect(error?.message == message)
    }
}
