import MeshEntities
import Testing

@testable import MeshPlugins

@Suite("correlation-id")
struct CorrelationIDTests {
    @Test(
        "makes an identity in the configured way",
        arguments: [
            ("uuid", "01234567-89ab-4def-8123-456789abcdef"),
            ("uuid#counter", "ffffffff-ffff-4fff-bfff-ffffffffffff#7"),
            ("tracker", "-8000-5-3-4-1700000000.042"),
        ]
    )
    func generators(generator: String, value: String) throws {
        let chain = try PluginChain("correlation-id", ["generator": .string(generator)])

        let exchange = Exchange(chain)

        #expect(exchange.upstreamLines == "Kong-Request-ID: \(value)\r\n")
        #expect(exchange.downstreamLines == "")
    }

    @Test("keeps what the client sent, and echoes it when asked")
    func keeps() throws {
        let chain = try PluginChain(
            "correlation-id",
            ["header_name": .string("X-Trace"), "echo_downstream": .bool(true)]
        )

        let exchange = Exchange(chain, lines: "x-trace: mine\r\n")

        #expect(exchange.upstreamLines == "")
        #expect(exchange.downstreamLines == "X-Trace: mine\r\n")
    }

    @Test("replaces an empty value")
    func emptyValue() throws {
        let chain = try PluginChain("correlation-id", ["generator": .string("uuid")])

        let exchange = Exchange(chain, lines: "Kong-Request-ID:\r\n")
        #expect(exchange.dropped == ["kong-request-id"])
        #expect(exchange.upstreamLines.hasPrefix("Kong-Request-ID: "))
    }

    @Test("does not echo a value of more than 512 bytes")
    func longValue() throws {
        let chain = try PluginChain("correlation-id", ["echo_downstream": .bool(true)])
        let value = String(repeating: "a", count: 512)

        let fits = Exchange(chain, lines: "Kong-Request-ID: \(value)\r\n")
        let tooLong = Exchange(chain, lines: "Kong-Request-ID: \(value)a\r\n")

        #expect(fits.downstreamLines == "Kong-Request-ID: \(value)\r\n")
        #expect(tooLong.downstreamLines == "")
    }

    @Test(
        "refuses settings it cannot obey",
        arguments: [
            ("header_name", DocumentValue.string("a b"), "'a b' is not a header name"),
            ("header_name", .string("Host"), "'Host' is written by the gateway itself"),
            ("header_name", .integer(1), "expected a string"),
            ("generator", .string("dice"), "expected one of: uuid, uuid#counter, tracker"),
            ("echo_downstream", .string("yes"), "expected a boolean"),
            ("colour", .null, "unknown field"),
        ]
    )
    func refusals(field: String, value: DocumentValue, message: String) {
        let error = #expect(throws: PluginError.self) {
            try PluginChain("correlation-id", [field: value])
        }

        #expect(error?.field == "config.\(field)")
        #expect(error?.message == message)
    }
}
