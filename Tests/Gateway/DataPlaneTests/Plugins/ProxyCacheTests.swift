import Glibc
import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("proxy-cache on the wire (§6.6; RFC 9111)")
struct ProxyCacheTests {
    /// A target that counts, and answers with the number, in JSON unless `lines` says otherwise.
    private func gateway(
        _ more: KeyValuePairs<String, DocumentValue> = [:],
        lines: @escaping @Sendable (TestMessage) -> String = { _ in
            "Content-Type: application/json\r\n"
        }
    ) throws -> PluginGateway {
        var config = [DocumentField("strategy", .string("memory"))]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        let count = CountedAnswers()
        return try PluginGateway([("proxy-cache", .object(config))]) { request in
            let body = "{\"n\":\(count.next())}"
            return "HTTP/1.1 200 OK\r\n\(lines(request))Content-Length: \(body.utf8.count)\r\n\r\n"
                + body
        }
    }

    @Test("answers from memory what it has seen, with its age and its key")
    func hit() throws {
        let plugin = try self.gateway { _ in
            "Content-Type: application/json\r\nETag: \"a\"\r\nX-Power: on\r\n"
        }
        let first = try #require(plugin.ask("GET", "/a?x=1&y=2"))
        #expect(first.status == 200)
        #expect(first["x-cache-status"] == "Miss")
        #expect(first["x-cache-key"]?.utf8.count == 64)
        #expect(first["age"] == nil)
        let second = try #require(plugin.ask("GET", "/a?y=2&x=1"))
        #expect(second["x-cache-status"] == "Hit")
        #expect(second["x-cache-key"] == first["x-cache-key"])
        #expect(second["age"] == "0")
        #expect(second["content-type"] == "application/json")
        #expect(second["etag"] == "\"a\"")
        #expect(second["x-power"] == "on")
        #expect(second.text == first.text)
        #expect(plugin.origin.messages.count == 1)
        #expect(plugin.ask("GET", "/a?x=2")?["x-cache-status"] == "Miss")
        #expect(plugin.ask("GET", "/b")?["x-cache-status"] == "Miss")
        #expect(plugin.ask("POST", "/b")?["x-cache-status"] == "Bypass")
    }

    @Test(
        "keeps no answer of another type or status, without length, with cookies, or that varies by all",
        arguments: [
            "Content-Type: text/html\r\n", "Content-Type: application/json; charset=utf-8\r\n",
            "Content-Type: application/json\r\nSet-Cookie: a=b\r\n",
            "Content-Type: application/json\r\nVary: *\r\n", "",
        ]
    )
    func bypass(lines: String) throws {
        let plugin = try self.gateway { _ in lines }
        for _ in 0..<2 { #expect(plugin.ask()?["x-cache-status"] == "Bypass") }
        #expect(plugin.origin.messages.count == 2)
    }

    @Test("keeps apart what an answer's Vary sets apart, and what its settings name")
    func vary() throws {
        let plugin = try self.gateway { _ in
            "Content-Type: application/json\r\nVary: Accept-Language, X-B\r\n"
        }
        let ask = { (language: String) in
            plugin.ask("GET", "/a", ["Accept-Language: \(language)"])
        }
        let german = try #require(ask("de"))
        let english = try #require(ask("en"))
        #expect(english["x-cache-status"] == "Miss")
        #expect(ask("de")?.text == german.text)
        #expect(ask("en")?.text == english.text)
        #expect(ask("en")?["x-cache-status"] == "Hit")
        #expect(german.text != english.text)
        let named = try self.gateway([
            "vary_headers": .strings("X-Tenant"), "vary_query_params": .strings("q"),
        ])
        #expect(named.ask("GET", "/a?q=1&t=1", ["X-Tenant: a"])?["x-cache-status"] == "Miss")
        #expect(named.ask("GET", "/a?q=1&t=2", ["X-Tenant: a"])?["x-cache-status"] == "Hit")
        #expect(named.ask("GET", "/a?q=2&t=1", ["X-Tenant: a"])?["x-cache-status"] == "Miss")
        #expect(named.ask("GET", "/a?q=1&t=1", ["X-Tenant: b"])?["x-cache-status"] == "Miss")
    }

    @Test("hands nobody what the target gave to credentials that no plugin has looked at")
    func credentials() throws {
        let plugin = try self.gateway()
        for _ in 0..<2 {
            let answer = plugin.ask("GET", "/a", ["Authorization: Bearer x"])
            #expect(answer?["x-cache-status"] == "Bypass")
        }
        #expect(plugin.ask()?["x-cache-status"] == "Miss")
    }

    @Test("obeys Cache-Control of both sides where it is told to (RFC 9111 section 5.2)")
    func control() throws {
        let plugin = try self.gateway(["cache_control": .bool(true)]) { request in
            let control =
                switch request.target {
                case "/private": "private, max-age=60"
                case "/short": "public, max-age=0"
                default: "public, max-age=60"
                }
            return "Content-Type: application/json\r\nCache-Control: \(control)\r\n"
        }
        for path in ["/private", "/short"] {
            for _ in 0..<2 { #expect(plugin.ask("GET", path)?["x-cache-status"] == "Bypass") }
        }
        let absent = try #require(plugin.ask("GET", "/a", ["Cache-Control: only-if-cached"]))
        #expect(absent.status == 504)
        #expect(absent.text.isEmpty)
        #expect(absent["x-cache-status"] == nil)
        #expect(plugin.ask("GET", "/a")?["x-cache-status"] == "Miss")
        #expect(plugin.ask("GET", "/a")?["x-cache-status"] == "Hit")
        #expect(
            plugin.ask("GET", "/a", ["Cache-Control: no-cache"])?["x-cache-status"] == "Bypass"
        )
        #expect(
            plugin.ask("GET", "/a", ["Cache-Control: min-fresh=90"])?["x-cache-status"]
                == "Refresh"
        )
    }

    @Test("asks again for what is older than cache_ttl, which storage_ttl keeps longer")
    func times() async throws {
        for (storage, then) in [(DocumentValue.integer(60), "Refresh"), (.null, "Miss")] {
            let plugin = try self.gateway(["cache_ttl": .integer(1), "storage_ttl": storage])
            let first = try #require(plugin.ask())
            #expect(first["x-cache-status"] == "Miss")
            #expect(plugin.ask()?["x-cache-status"] == "Hit")
            var fresh = first
            let isOld = await eventually {
                guard let answer = plugin.ask() else { return false }
                fresh = answer
                return fresh["x-cache-status"] != "Hit"
            }
            #expect(isOld)
            #expect(fresh["x-cache-status"] == then)
            #expect(fresh.text != first.text)
            #expect(plugin.ask()?["x-cache-status"] == "Hit")
            #expect(plugin.ask()?.text == fresh.text)
        }
    }

    @Test("hides its fields where it is told to")
    func hidden() throws {
        let plugin = try self.gateway([
            "response_headers": .record([
                "age": .bool(false), "X-Cache-Status": .bool(false), "X-Cache-Key": .bool(false),
            ])
        ])
        for _ in 0..<2 {
            let answer = try #require(plugin.ask())
            #expect(answer["x-cache-status"] == nil)
            #expect(answer["x-cache-key"] == nil)
            #expect(answer["age"] == nil)
        }
        #expect(plugin.origin.messages.count == 1)
    }

    @Test("shows what is kept under the key that clients are told, and forgets it")
    func keys() throws {
        let plugin = try PluginGateway("proxy-cache", ["strategy": .string("memory")])
        let key = try #require(plugin.ask()?["x-cache-key"])
        let plane = plugin.gateway.plane
        let kept = try #require(plane.cachedAnswer(key))
        #expect(kept["status"] == .integer(200))
        #expect(kept["body"]?.text?.hasPrefix("GET /a ") == true)
        #expect(kept["headers"]?["Content-Type"]?.text == "text/plain")
        #expect(plane.cachedAnswer("x") == nil)
        #expect(!plane.forgetCachedAnswer(String(key.reversed())))
        #expect(plane.forgetCachedAnswer(key))
        #expect(plugin.ask()?["x-cache-status"] == "Miss")
        #expect(plugin.ask()?["x-cache-status"] == "Hit")
        plane.forgetCachedAnswers()
        #expect(plugin.ask()?["x-cache-status"] == "Miss")
    }

    /// An answer that came after a second, fresh for one and kept for ten.
    private static let kilobyte = CachedAnswer(
        status: 200,
        lines: [],
        contentType: [],
        length: nil,
        varies: [],
        came: 1_000,
        freshness: 1,
        storage: 10,
        body: [UInt8](repeating: 0, count: 1_000)
    )

    @Test("forgets the oldest answers when there is no room for all")
    func bound() {
        let cache = AnswerCache(byteLimit: 10_000)
        let key = { (number: Int) in CacheKey(of: Array("\(number)".utf8)) }
        for number in 0..<20 {
            cache.store(Self.kilobyte, key(number), plain: key(number))
        }
        #expect(cache.answer(key(0), at: 1_000) == nil)
        #expect(cache.answer(key(19), at: 1_000) != nil)
        #expect(cache.answer(key(19), at: 12_000) == nil)
        let kept = (0..<20).filter { cache.answer(key($0), at: 1_000) != nil }
        #expect(kept == Array(14..<19))
    }

    @Test("keeps the fresh answer of a key whose former answer was over")
    func order() {
        let cache = AnswerCache(byteLimit: 10_000)
        let key = { (number: UInt8) in CacheKey(of: [number]) }
        let store = { (number: UInt8) in
            cache.store(Self.kilobyte, key(number), plain: key(number))
        }
        store(0)
        #expect(cache.answer(key(0), at: 12_000) == nil)
        for number in [1, 2, 3, 4, 0, 5, 6] as [UInt8] { store(number) }
        #expect(cache.answer(key(0), at: 1_000) != nil)
        #expect(cache.answer(key(1), at: 1_000) == nil)
    }

    @Test("does not grow with answers that come again when their time is up")
    func renewed() {
        let cache = AnswerCache()
        let key = CacheKey(of: [1])
        for second in 0..<20_000 {
            let answer = CachedAnswer(
                status: 200,
                lines: [],
                contentType: [],
                length: nil,
                varies: [],
                came: Int64(second) * 1_000,
                freshness: 1,
                storage: 1
            )
            cache.store(answer, key, plain: key)
            #expect(cache.answer(key, at: Int64(second + 2) * 1_000) == nil)
        }
        #expect(cache.orderCount < 5_000)
    }

    @Test("keeps what comes in chunks, passes it on as it comes, and leaves out what is too long")
    func chunked() throws {
        let count = CountedAnswers()
        let plugin = try PluginGateway("proxy-cache", ["strategy": .string("memory")]) { request in
            let size = request.target == "/long" ? 0x8000 : 3
            let piece = String(repeating: "\(count.next() % 10)", count: size)
            let chunk = "\(String(size, radix: 16))\r\n\(piece)\r\n"
            return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n\(chunk)\(chunk)\(chunk)0\r\n\r\n"
        }
        let first = try #require(plugin.ask("GET", "/a"))
        #expect(first["x-cache-status"] == "Miss")
        #expect(first.text.utf8.count == 9)
        let second = try #require(plugin.ask("GET", "/a"))
        #expect(second["x-cache-status"] == "Hit")
        #expect(second.text == first.text)
        for _ in 0..<2 {
            let long = try #require(plugin.ask("GET", "/long"))
            #expect(long["x-cache-status"] == "Miss")
            #expect(long.text.utf8.count == 3 * 0x8000)
        }
    }

    @Test("compares media types by their parts (RFC 9110 section 8.3.1)")
    func mediaTypes() throws {
        let cases: [(configured: String, given: String, isKept: Bool)] = [
            ("*/*", "image/png", true), ("text/*", "text/css", true),
            ("text/*", "image/png", false), ("*/*", "text/plain; charset=utf-8", false),
            ("*/*; charset=utf-8", "text/plain;charset=UTF-8", true),
            ("a/json; charset=utf-8; v=1", "A/JSON;v=1;charset=\"utf-8\"", true),
            ("application/json", "application/json; charset=utf-8", false),
        ]
        for (configured, given, isKept) in cases {
            let plugin = try self.gateway(["content_type": .strings(configured)]) { _ in
                "Content-Type: \(given)\r\n"
            }
            #expect(plugin.ask()?["x-cache-status"] == (isKept ? "Miss" : "Bypass"))
            #expect(plugin.ask()?["x-cache-status"] == (isKept ? "Hit" : "Bypass"))
        }
    }

    @Test("answers HEAD from memory with the length that the target told")
    func head() throws {
        let plugin = try PluginGateway("proxy-cache", ["strategy": .string("memory")]) { _ in
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n"
        }
        for status in ["Miss", "Hit"] {
            let answer = try #require(plugin.ask("HEAD", "/a"))
            #expect(answer["x-cache-status"] == status)
            #expect(answer["content-length"] == "7")
        }
        #expect(plugin.origin.messages.count == 1)
    }
}

/// Counts answers from any thread.
final class CountedAnswers: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { self.count.wrappingAdd(1, ordering: .relaxed).newValue }
}
