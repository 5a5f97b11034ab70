import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("key-auth with key_in_body, as Kong's (§6.5)")
struct KeyAuthBodyTests {
    private static let form = "application/x-www-form-urlencoded"
    private static let json = "application/json; charset=utf-8"

    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = ["key_in_body": .bool(true)]
    ) throws -> ProtectedGateway {
        try ProtectedGateway([.named("key-auth", config)])
    }

    /// Posts a body.
    private func post(
        _ gateway: ProtectedGateway,
        _ type: String,
        _ body: String,
        lines: String = "",
        target: String = "/",
        isChunked: Bool = false
    ) -> TestMessage? {
        let count = body.utf8.count
        let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)"
        let sent = isChunked ? "\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n" : body
        return gateway.gateway.ask(
            "POST \(target) HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\n\(framing)\r\n"
                + "\(lines)\r\n\(sent)"
        )
    }

    @Test(
        "finds a key in a form and in a JSON object, and the target gets the body as it was",
        arguments: [false, true]
    )
    func found(isChunked: Bool) throws {
        let gateway = try self.gateway()
        let bodies = [
            (Self.form, "a=1&apikey=ann%2Dkey&b=%20"),
            (Self.json, #"{"a": 1.0, "apikey": "ann-key"}"#),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"apikey\"\r\n\r\nann-key\r\n--x--"
            ),
            // The last one counts, as for lua-cjson.
            (Self.json, #"{"apikey": "nobody", "a": 1, "a": 2, "apikey": "ann-key"}"#),
        ]
        for (type, body) in bodies {
            let answer = try #require(
                self.post(gateway, type, body, isChunked: isChunked)
            )
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-consumer-username: ann\n"))
            #expect(gateway.origin.messages.last?.text == body)
        }
    }

    @Test(
        "refuses what holds no key, a wrong one or several, in Kong's words",
        arguments: [
            (form, "", "No API key found in request"),
            (form, "apikey", "No API key found in request"),
            (form, "apikey=", "No API key found in request"),
            (form, "ApiKey=ann-key", "No API key found in request"),
            (form, "apikey=nobody", "Unauthorized"),
            (form, "apikey=ann-key&apikey=bob-key", "Duplicate API key found"),
            (json, "{}", "No API key found in request"),
            (json, "[\"apikey\"]", "No API key found in request"),
            (json, "{\"apikey\": 7}", "No API key found in request"),
            (json, "{\"apikey\": null}", "No API key found in request"),
            (json, "{nonsense", "No API key found in request"),
            (json, #"{"apikey": "nobody"}"#, "Unauthorized"),
            (json, #"{"apikey": "ann-key", "apikey": "nobody"}"#, "Unauthorized"),
            (json, #"{"apikey": ["ann-key"]}"#, "Duplicate API key found"),
            ("text/plain", "apikey=ann-key", "No API key found in request"),
            ("multipart/form-data; boundary=x", "--x--", "No API key found in request"),
        ]
    )
    func refused(type: String, body: String, message: String) throws {
        let gateway = try self.gateway()
        let answer = try #require(self.post(gateway, type, body))
        #expect(answer.status == 401)
        #expect(answer.text.contains("\"message\":\"\(message)\""), "\(answer.text)")
        #expect(answer["www-authenticate"] == "Key")
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("looks at headers and the query first, and at the body only where it is told to")
    func order() throws {
        let gateway = try self.gateway()
        let body = "apikey=bob-key"
        let head = self.post(gateway, Self.form, body, lines: "apikey: ann-key\r\n")
        #expect(head?.text.contains("x-consumer-username: ann\n") == true)
        let query = self.post(gateway, Self.form, body, target: "/?apikey=ann-key")
        #expect(query?.text.contains("x-consumer-username: ann\n") == true)
        #expect(self.post(gateway, Self.form, body)?.status == 200)
        #expect(gateway.ask()?.status == 401)
        let plain = try self.gateway([:])
        #expect(self.post(plain, Self.form, body)?.status == 401)
    }

    @Test("hides the key from the target, wherever it was shown")
    func hidden() throws {
        let gateway = try self.gateway([
            "key_in_body": .bool(true), "hide_credentials": .bool(true),
        ])
        let form = try #require(self.post(gateway, Self.form, "a=1&apikey=ann-key&b=%20"))
        #expect(form.status == 200)
        #expect(gateway.origin.messages.last?.text == "a=1&b=%20")
        #expect(gateway.origin.messages.last?["content-length"] == "9")
        _ = self.post(gateway, Self.json, #"{"apikey":"ann-key","a":[1]}"#, isChunked: true)
        #expect(gateway.origin.messages.last?.text == #"{"a":[1]}"#)
        let both = self.post(
            gateway,
            Self.json,
            #"{"apikey":"old","a":1}"#,
            lines: "apikey: ann-key\r\n"
        )
        #expect(both?.status == 200)
        #expect(gateway.origin.messages.last?.text == #"{"a":1}"#)
        #expect(gateway.origin.messages.last?["apikey"] == nil)
        _ = self.post(gateway, Self.json, "{ }", lines: "apikey: ann-key\r\n")
        #expect(gateway.origin.messages.last?.text == "{ }")
    }

    @Test("waits for a body that comes late, and asks for one that is announced")
    func late() throws {
        let gateway = try self.gateway()
        let client = gateway.gateway.connect()
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: \(Self.form)\r\n"
        client.send(head + "Content-Length: 14\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.message(hasBody: false)?.status == 100)
        client.send("apikey=")
        client.send("ann-key")
        #expect(client.message()?.status == 200)
        client.send(head + "Content-Length: 14\r\n\r\napikey=nobody1")
        #expect(client.message()?.status == 401)
    }

    @Test("does not look at a body above 1 MiB, and sends it on whole for who may do without")
    func long() throws {
        for isChunked in [false, true] { try self.checkLong(isChunked: isChunked) }
    }

    private func checkLong(isChunked: Bool) throws {
        let strict = try self.gateway()
        let body = "apikey=ann-key&a=" + String(repeating: "x", count: 1_100_000)
        let refused = try #require(self.post(strict, Self.form, body, isChunked: isChunked))
        #expect(refused.status == 401)
        #expect(strict.origin.requests.isEmpty)
        let open = try self.gateway([
            "key_in_body": .bool(true), "anonymous": .string("guest"),
        ])
        let answer = try #require(self.post(open, Self.form, body, isChunked: isChunked))
        #expect(answer.status == 200)
        #expect(answer.text.contains("x-consumer-username: guest\n"))
        #expect(open.origin.messages.last?.text == body)
    }

    @Test("waits for nothing of a body that is announced as too long")
    func announced() throws {
        let gateway = try self.gateway()
        let client = gateway.gateway.connect()
        client.send(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: \(Self.form)\r\n"
                + "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n"
        )
        #expect(client.message()?.status == 401)
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("answers 503 where no memory is left for bodies that wait")
    func memory() throws {
        let plugin = Plugin.named(
            "key-auth",
            ["key_in_body": .bool(true), "anonymous": .string("guest")]
        )
        let gateway = try ProtectedGateway([plugin], configure: { $0.bodyBufferMemory = 0 })
        let client = gateway.gateway.connect()
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: \(Self.form)\r\n"
        client.send(head + "Content-Length: 14\r\n\r\napikey=")
        #expect(client.message()?.status == 503)
        #expect(gateway.origin.requests.isEmpty)
        #expect(gateway.ask()?.status == 200)
    }

    @Test("reads a body once, however many names a key may have")
    func manyNames() throws {
        let body = "{\"a\":[" + Array(repeating: "1", count: 20_000).joined(separator: ",") + "]}"
        let times = try [1, 100].map { count in
            let names = (0..<count).map { DocumentValue.string("key\($0)") }
            let gateway = try self.gateway([
                "key_in_body": .bool(true), "key_names": .list(names),
            ])
            let times = (0..<3)
                .map { _ in
                    let start = ContinuousClock.now
                    #expect(self.post(gateway, Self.json, body)?.status == 401)
                    return ContinuousClock.now - start
                }
            return times.min() ?? .zero
        }
        // The best of three each; a hundred readings take a hundred times as long.
        #expect(times[1] < times[0] * 25 + .milliseconds(50))
    }

    @Test("finds a key in the body of an HTTP/2 request")
    func streams() throws {
        let gateway = try self.gateway()
        let client = HTTP2Client(gateway.gateway.connect())
        let lines = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: \(Self.form)\r\n\r\n"
        let right = try #require(client.ask(lines, body: Array("apikey=ann-key".utf8)))
        #expect(right.status == 200)
        let wrong = try #require(client.ask(lines, body: Array("apikey=x".utf8)))
        #expect(wrong.status == 401)
    }
}
