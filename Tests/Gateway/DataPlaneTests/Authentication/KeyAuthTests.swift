import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("key-auth, as Kong's (§6.5)")
struct KeyAuthTests {
    @Test("lets a request with a known key pass and tells the target who sends it")
    func known() throws {
        let gateway = try ProtectedGateway([.named("key-auth")])
        let lines =
            "apikey: ann-key\r\nX-Consumer-ID: forged\r\nX-Anonymous-Consumer: true\r\n"
        let answer = try #require(gateway.ask(lines))
        #expect(answer.status == 200)
        #expect(answer.text.contains("x-consumer-id: \(ProtectedGateway.annID)\n"))
        #expect(answer.text.contains("x-consumer-custom-id: 42\n"))
        #expect(answer.text.contains("x-consumer-username: ann\n"))
        #expect(answer.text.contains("x-credential-identifier: \(ProtectedGateway.keyID)\n"))
        #expect(!answer.text.contains("forged"))
        #expect(!answer.text.contains("x-anonymous-consumer"))
        #expect(answer.text.contains("apikey: ann-key"))
    }

    @Test(
        "refuses requests without a key, with an unknown one and with several",
        arguments: [
            ("", "/", "No API key found in request"),
            ("apikey: \r\n", "/", "No API key found in request"),
            ("", "/?apikey", "No API key found in request"),
            ("", "/?apikey=", "No API key found in request"),
            ("apikey: nobody's\r\n", "/", "Unauthorized"),
            ("apikey: ann-ke\r\n", "/", "Unauthorized"),
            ("apikey: a\r\nApiKey: b\r\n", "/", "Duplicate API key found"),
            ("", "/?apikey=a&apikey=b", "Duplicate API key found"),
        ]
    )
    func refused(lines: String, target: String, message: String) throws {
        let gateway = try ProtectedGateway([.named("key-auth")])
        let answer = try #require(gateway.ask(lines, target: target))
        #expect(answer.status == 401)
        #expect(answer.text.hasPrefix("{\n  \"message\":\"\(message)\",\n  \"request_id\":\""))
        #expect(answer["www-authenticate"] == "Key")
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("names its realm when it has one")
    func realm() throws {
        let gateway = try ProtectedGateway([.named("key-auth", ["realm": .string("shop")])])
        #expect(gateway.ask()?["www-authenticate"] == "Key realm=\"shop\"")
    }

    @Test("finds a key in the query, escapes decoded, and under any of its names")
    func places() throws {
        let names = DocumentValue.list([
            .string("x_token"), .string("k y".replacing(" ", with: "")),
        ])
        let gateway = try ProtectedGateway([.named("key-auth", ["key_names": names])])
        #expect(gateway.ask(target: "/?ky=ann%2Dkey")?.status == 200)
        #expect(gateway.ask("X-Token: bob-key\r\n")?.status == 200)
        #expect(gateway.ask("x_token: bob-key\r\n")?.status == 200)
        #expect(gateway.ask("apikey: ann-key\r\n")?.status == 401)
    }

    @Test("looks for a key only where it may stand")
    func switchedOff() throws {
        let header = try ProtectedGateway([.named("key-auth", ["key_in_query": .bool(false)])])
        let query = try ProtectedGateway([.named("key-auth", ["key_in_header": .bool(false)])])
        #expect(header.ask(target: "/?apikey=ann-key")?.status == 401)
        #expect(query.ask(key: "ann-key")?.status == 401)
        #expect(query.ask(target: "/?apikey=ann-key")?.status == 200)
    }

    @Test("hides the key from the target, in the head and in the query")
    func hidden() throws {
        let gateway = try ProtectedGateway([.named("key-auth", ["hide_credentials": .bool(true)])])
        let head = try #require(gateway.ask(key: "ann-key"))
        let query = try #require(gateway.ask(target: "/p?a=1&apikey=ann-key&b=%20"))
        #expect(head.status == 200 && !head.text.contains("ann-key"))
        #expect(query.text.hasPrefix("GET /p?a=1&b=%20 HTTP/1.1\n"))
        #expect(gateway.ask(target: "/p?apikey=ann-key")?.text.hasPrefix("GET /p HTTP") == true)
    }

    @Test("lets preflight requests pass when it is told to")
    func preflight() throws {
        let strict = try ProtectedGateway([.named("key-auth")])
        let lenient = try ProtectedGateway([
            .named("key-auth", ["run_on_preflight": .bool(false)])
        ])
        #expect(strict.ask(method: "OPTIONS")?.status == 401)
        #expect(lenient.ask(method: "OPTIONS")?.status == 200)
        #expect(lenient.ask()?.status == 401)
    }

    @Test("answers HEAD without a body, and a client that wants HTML in HTML")
    func forms() throws {
        let gateway = try ProtectedGateway([.named("key-auth")])
        #expect(gateway.ask(method: "HEAD")?.status == 401)
        #expect(gateway.ask("Accept: text/html\r\n")?.text.contains("<p>No API key found") == true)
    }

    @Test("takes up keys that come and go with the configuration")
    func reload() throws {
        let gateway = try ProtectedGateway([.named("key-auth")])
        #expect(gateway.ask(key: "new-key")?.status == 401)
        var entities = TestEntities.proxying([gateway.origin.port])
        entities.plugins = [.named("key-auth")]
        entities.consumers = [Consumer(id: ProtectedGateway.bobID, username: "bob")]
        entities.keyCredentials = [
            KeyCredential(
                id: EntityID(high: 9, low: 9),
                consumer: ProtectedGateway.bobID,
                key: "new-key"
            )
        ]
        try gateway.gateway.install(entities, version: 2)
        let client = gateway.gateway.connect()
        func status(_ key: String) -> Int? {
            client.send("GET / HTTP/1.1\r\nHost: a\r\napikey: \(key)\r\n\r\n")
            return client.message().map { Int($0.status) }
        }
        // The snapshot reaches the worker between two requests.
        var tries = 0
        while status("new-key") != 200, tries < 1_000 { tries += 1 }
        #expect(status("new-key") == 200)
        #expect(status("ann-key") == 401)
    }
}
