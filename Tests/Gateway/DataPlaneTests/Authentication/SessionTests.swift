import MeshEntities
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("session, as Kong's (§6.5)")
struct SessionTests {
    private static let secret = DocumentValue.string("a secret of the whole mesh")

    private func gateway(
        _ secret: DocumentValue = Self.secret,
        remembers: Bool = false,
        rolling: DocumentValue = .integer(7_200),
        absolute: DocumentValue = .integer(2_592_000),
        mesh: [[UInt8]]? = nil,
        number: UInt64 = 1
    ) throws -> ProtectedGateway {
        let plugins: [Plugin] = [
            .named(
                "session",
                [
                    "secret": secret, "cookie_secure": .bool(false), "remember": .bool(remembers),
                    "remember_rolling_timeout": rolling,
                    "remember_absolute_timeout": absolute,
                ],
                number: number
            ),
            .named("key-auth", ["anonymous": .string("guest")]),
            .named("request-termination", ["status_code": .integer(401)]) {
                $0.consumer = ProtectedGateway.guestID
            },
        ]
        let gateway = try ProtectedGateway(plugins)
        if let mesh { gateway.gateway.plane.setSessionKeys(mesh) }
        return gateway
    }

    /// What a client sends back.
    private func cookie(_ answer: TestMessage?) throws -> String {
        let set = try #require(answer?["set-cookie"])
        return "Cookie: other=1; \(set.prefix { $0 != ";" })\r\n"
    }

    @Test("lets a client that was authenticated go on by a cookie, at every node")
    func session() throws {
        let first = try self.gateway()
        let second = try self.gateway()
        #expect(first.ask()?.status == 401)
        let answer = try #require(first.ask(key: "ann-key"))
        #expect(answer.status == 200)
        #expect(
            answer["set-cookie"]?.hasSuffix("; Path=/; SameSite=Strict; HttpOnly") == true
        )
        let cookie = try self.cookie(answer)
        for gateway in [first, second] {
            let later = try #require(gateway.ask(cookie))
            #expect(later.status == 200)
            #expect(later.text.contains("x-consumer-username: ann\n"))
            #expect(!later.text.contains("x-anonymous-consumer"))
            // One that was just written will do.
            #expect(later["set-cookie"] == nil)
        }
    }

    @Test("gives nobody a session who was let in as nobody in particular, or refused")
    func none() throws {
        let gateway = try self.gateway()
        #expect(gateway.ask()?["set-cookie"] == nil)
        #expect(gateway.ask(key: "wrong")?["set-cookie"] == nil)
    }

    @Test("takes no cookie that was sealed with another secret, or touched")
    func forged() throws {
        let other = try self.gateway(.string("another secret of a mesh"))
        let gateway = try self.gateway()
        let cookie = try self.cookie(gateway.ask(key: "ann-key"))
        let foreign = try self.cookie(other.ask(key: "ann-key"))
        let touched = cookie.replacing("session=", with: "session=A")
        #expect(gateway.ask(foreign)?.status == 401)
        #expect(gateway.ask(touched)?.status == 401)
        #expect(gateway.ask("Cookie: session=\r\n")?.status == 401)
    }

    @Test("without a secret is sealed by what the nodes of a mesh share, and for one instance")
    func noSecret() throws {
        let mesh = [[UInt8](repeating: 7, count: 32)]
        let first = try self.gateway(.null, mesh: mesh)
        let second = try self.gateway(.null, mesh: mesh)
        let cookie = try self.cookie(first.ask(key: "ann-key"))
        #expect(first.ask(cookie)?.status == 200)
        #expect(second.ask(cookie)?.status == 200)
        let others = [
            try self.gateway(.null, mesh: mesh, number: 2),
            try self.gateway(.null, mesh: [[UInt8](repeating: 8, count: 32)]),
            try self.gateway(.string("short"), mesh: mesh),
        ]
        for other in others { #expect(other.ask(cookie)?.status == 401) }
    }

    @Test("without a secret is sealed with the first key of the mesh and opened with any")
    func rotation() throws {
        let (old, new) = ([UInt8](repeating: 7, count: 32), [UInt8](repeating: 8, count: 32))
        let gateway = try self.gateway(.null, mesh: [old, new])
        let other = try self.gateway(.null, mesh: [new, old])
        let before = try self.cookie(gateway.ask(key: "ann-key"))
        gateway.gateway.plane.setSessionKeys([new, old])
        let after = try self.cookie(gateway.ask(key: "ann-key"))
        for cookie in [before, after] {
            #expect(gateway.ask(cookie)?.status == 200)
            #expect(other.ask(cookie)?.status == 200)
        }
        gateway.gateway.plane.setSessionKeys([new])
        #expect(gateway.ask(before)?.status == 401)
        #expect(gateway.ask(after)?.status == 200)
    }

    @Test("an empty secret, such as of a vault, is none that a session could be sealed with")
    func emptySecret() {
        #expect(throws: (any Error).self) { try self.gateway(.string("")) }
    }

    @Test("ends a session when the client says so")
    func logout() throws {
        let gateway = try self.gateway()
        let cookie = try self.cookie(gateway.ask(key: "ann-key"))
        let asked = gateway.gateway.ask(
            "DELETE /?session_logout=1 HTTP/1.1\r\nHost: a\r\n\(cookie)\r\n"
        )
        #expect(asked?.status == 200)
        #expect(asked?["set-cookie"]?.hasPrefix("session=; Max-Age=0; Path=/") == true)
        #expect(asked?.text == "")
        #expect(gateway.ask(cookie, target: "/?session_logout=1")?.text != "")
    }

    private func cookies(_ answer: TestMessage) -> [String] {
        answer.fields.filter { $0.name.lowercased() == "set-cookie" }.map(\.value)
    }

    private static let seals = ["session", "remember"].map { name in
        let audience = name == "session" ? "default" : "default\nremember"
        return (name, SessionSeal(secret: Array((secret.text ?? "").utf8), audience: audience))
    }

    /// The tickets in an answer's cookies, by their names.
    private func tickets(_ answer: TestMessage?) -> [String: SessionTicket] {
        var tickets: [String: SessionTicket] = [:]
        for (name, seal) in Self.seals {
            for cookie in answer.map(self.cookies) ?? [] where cookie.hasPrefix("\(name)=") {
                let value = Array(cookie.dropFirst(name.utf8.count + 1).prefix { $0 != ";" }.utf8)
                tickets[name] = value.withUnsafeBytes { seal.open($0) }
            }
        }
        return tickets
    }

    /// What a client sends back some seconds later: the same tickets, so much older.
    private func field(_ tickets: [String: SessionTicket], older seconds: UInt64) -> String {
        let cookies = Self.seals.compactMap { name, seal in
            tickets[name].flatMap { ticket in
                let older = SessionTicket(
                    consumer: ticket.consumer,
                    credential: ticket.credential,
                    began: ticket.began - seconds,
                    touched: ticket.touched - seconds
                )
                return seal.close(older) { [UInt8](repeating: 7, count: $0) }
            }
            .map { "\(name)=\($0)" }
        }
        return "Cookie: \(cookies.joined(separator: "; "))\r\n"
    }

    @Test("remembers a client since its login, whatever sessions it had since")
    func began() throws {
        let gateway = try self.gateway(remembers: true)
        let login = self.tickets(gateway.ask(key: "ann-key"))
        let memory = try #require(login["remember"])
        // An hour later the browser was closed.
        let next = self.tickets(gateway.ask(self.field(["remember": memory], older: 3_600)))
        #expect(try #require(next["session"]).began >= memory.began)
        let kept = try #require(next["remember"])
        #expect(kept.began == memory.began - 3_600)
        // The session goes on.
        let later = self.tickets(gateway.ask(self.field(next, older: 61)))
        #expect(later["session"]?.began == next["session"].map { $0.began - 61 })
        #expect(later["remember"]?.began == kept.began - 61)
    }

    @Test("makes no memory for a session that goes on without a good one of the same client")
    func noMemory() throws {
        let gateway = try self.gateway(remembers: true, absolute: .integer(5_000))
        let login = self.tickets(gateway.ask(key: "ann-key"))
        let session = try #require(login["session"])
        let memory = try #require(login["remember"])
        let over = SessionTicket(
            consumer: memory.consumer,
            credential: memory.credential,
            began: memory.began - 5_000,
            touched: memory.touched
        )
        let foreign = SessionTicket(
            consumer: ProtectedGateway.guestID,
            credential: memory.credential,
            began: memory.began,
            touched: memory.touched
        )
        for memory in [nil, over, foreign] {
            var tickets = ["session": session]
            tickets["remember"] = memory
            let later = self.tickets(gateway.ask(self.field(tickets, older: 61)))
            #expect(later["session"]?.began == session.began - 61)
            #expect(later["remember"] == nil)
        }
    }

    @Test(
        "tells clients to keep what has no end for long, and never for 0 seconds",
        arguments: [
            (DocumentValue.integer(0), DocumentValue.integer(0), "34560000"),
            (.number(0.5), .integer(0), "1"), (.integer(0), .number(90.25), "91"),
        ]
    )
    func keeping(rolling: DocumentValue, absolute: DocumentValue, seconds: String) throws {
        let gateway = try self.gateway(remembers: true, rolling: rolling, absolute: absolute)
        let kept = try #require(gateway.ask(key: "ann-key").map(self.cookies)?.last)
        #expect(kept.contains("; Max-Age=\(seconds);"))
    }

    @Test(
        "begins a session anew for whoever logs in beside another's, with its memory",
        arguments: [true, false]
    )
    func otherLogin(isFresh: Bool) throws {
        // Without `anonymous` the key is looked at whatever the session says.
        let gateway = try ProtectedGateway([
            .named(
                "session",
                [
                    "secret": Self.secret, "remember": .bool(true),
                    "remember_rolling_timeout": .integer(7_200),
                ]
            ), .named("key-auth"),
        ])
        let ann = self.tickets(gateway.ask(key: "ann-key"))
        let began = try #require(ann["session"]?.began)
        let cookies = self.field(ann, older: isFresh ? 30 : 600)
        let answer = gateway.ask("apikey: bob-key\r\n" + cookies)
        #expect(answer?.text.contains("x-consumer-username: bob\n") == true)
        let bob = self.tickets(answer)
        for name in ["session", "remember"] {
            let ticket = try #require(bob[name], "\(name)")
            #expect(ticket.consumer == ProtectedGateway.bobID)
            #expect(ticket.began >= began)
        }
        // The same client with its own key goes on.
        let same = self.tickets(gateway.ask("apikey: ann-key\r\n" + cookies))
        #expect(same["session"]?.began == (isFresh ? nil : began - 600))
    }

    private static let told = DocumentValue.strings(
        "id",
        "audience",
        "subject",
        "timeout",
        "idling-timeout",
        "rolling-timeout",
        "absolute-timeout"
    )

    @Test("tells the target and the client of a session (request_headers, response_headers)")
    func told() throws {
        let gateway = try ProtectedGateway([
            .named(
                "session",
                [
                    "secret": Self.secret, "request_headers": Self.told,
                    "response_headers": Self.told, "rolling_timeout": .integer(0),
                ]
            ), .named("key-auth", ["anonymous": .string("guest")]),
        ])
        let claimed = try #require(gateway.ask("Session-Subject: root\r\n"))
        #expect(!claimed.text.contains("session-subject"))
        #expect(claimed["session-subject"] == nil)
        let login = try #require(gateway.ask(key: "ann-key"))
        #expect(!login.text.contains("session-"))
        #expect(login["session-subject"] == "ann")
        #expect(login["session-audience"] == "default")
        #expect(login["session-idling-timeout"] == "900")
        #expect(login["session-timeout"] == "900")
        #expect(login["session-rolling-timeout"] == nil)
        #expect(login["session-absolute-timeout"] == "86400")
        let id = try #require(login["session-id"])
        #expect(id.utf8.count == 32)
        let later = try #require(
            gateway.ask(try self.cookie(login) + "Session-Subject: root\r\n")
        )
        #expect(later["session-id"] == id)
        #expect(later["session-subject"] == "ann")
        #expect(later.text.contains("session-id: \(id)\n"))
        #expect(later.text.contains("session-subject: ann\n"))
        #expect(!later.text.contains("root"))
        let old = try #require(gateway.ask(self.field(self.tickets(login), older: 50)))
        let left = try #require(old["session-timeout"].flatMap { Int($0) })
        #expect((845...850).contains(left))
        // One that is written anew is told anew, once.
        let renewed = try #require(gateway.ask(self.field(self.tickets(login), older: 61)))
        let ids = renewed.fields.filter { $0.name.lowercased() == "session-id" }.map(\.value)
        #expect(ids.count == 1 && ids != [id])
        #expect(renewed["session-idling-timeout"] == "900")
    }

    @Test(
        "ends a session by a body where it is told to look (read_body_for_logout)",
        arguments: [
            ("application/x-www-form-urlencoded", "a=1&session_logout=1", true),
            ("application/json", #"{"session_logout": true}"#, true),
            ("application/json", #"{"session_logout": false}"#, false),
            ("application/json", #"{"other": true}"#, false),
            ("text/plain", "session_logout=1", false),
        ]
    )
    func bodyLogout(type: String, body: String, ends: Bool) throws {
        for reads in [true, false] {
            let gateway = try ProtectedGateway([
                .named(
                    "session",
                    ["secret": Self.secret, "read_body_for_logout": .bool(reads)]
                ), .named("key-auth", ["anonymous": .string("guest")]),
            ])
            let cookie = try self.cookie(gateway.ask(key: "ann-key"))
            let answer = gateway.gateway.ask(
                "POST / HTTP/1.1\r\nHost: a\r\n\(cookie)Content-Type: \(type)\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            #expect(answer?.status == 200)
            #expect((answer?.text == "") == (ends && reads))
            #expect((answer?["set-cookie"]?.hasPrefix("session=;") == true) == (ends && reads))
        }
    }

    @Test("gives a client a new session that shows what outlasts the browser")
    func remembered() throws {
        let gateway = try self.gateway(remembers: true)
        let made = self.cookies(try #require(gateway.ask(key: "ann-key")))
        #expect(made.count == 2)
        #expect(made.first?.hasPrefix("session=") == true)
        #expect(made.first?.contains("Max-Age") == false)
        let kept = try #require(made.last)
        #expect(kept.hasPrefix("remember="))
        #expect(kept.hasSuffix("; Max-Age=7200; Path=/; SameSite=Strict; HttpOnly"))
        let shown = String(kept.prefix { $0 != ";" })
        let later = try #require(gateway.ask("Cookie: \(shown)\r\n"))
        #expect(later.status == 200)
        #expect(later.text.contains("x-consumer-username: ann\n"))
        let names = self.cookies(later).map { String($0.prefix { $0 != "=" }) }
        #expect(names == ["session", "remember"])
        // One cookie is no other, and needs the setting.
        let swapped = shown.replacing("remember=", with: "session=")
        #expect(gateway.ask("Cookie: \(swapped)\r\n")?.status == 401)
        #expect(try self.gateway().ask("Cookie: \(shown)\r\n")?.status == 401)
        let left = try #require(
            gateway.ask("Cookie: \(shown)\r\n", target: "/?session_logout=1", method: "DELETE")
        )
        let removed = self.cookies(left).map { String($0.prefix { $0 != ";" }) }
        #expect(removed == ["session=", "remember="])
    }

    @Test("does not outlive its consumer")
    func gone() throws {
        let gateway = try self.gateway()
        let cookie = try self.cookie(gateway.ask(key: "ann-key"))
        let bare = try ProtectedGateway([
            .named("session", ["secret": Self.secret]),
            .named("key-auth"),
        ]) { $0.consumers.removeAll { $0.id == ProtectedGateway.annID } }
        #expect(bare.ask(cookie)?.status == 401)
    }

    @Test("lasts as long as its times say")
    func limits() {
        let limits = SessionLimits(idling: 900, rolling: 3_600, absolute: 86_400)
        func ticket(_ began: UInt64, _ touched: UInt64) -> SessionTicket {
            let id = ProtectedGateway.annID
            return SessionTicket(consumer: id, credential: id, began: began, touched: touched)
        }
        #expect(limits.allow(ticket(0, 100), at: 999))
        #expect(!limits.allow(ticket(0, 100), at: 1_000))
        #expect(limits.allow(ticket(0, 86_000), at: 86_399))
        #expect(!limits.allow(ticket(0, 86_000), at: 86_400))
        #expect(limits.renewed(ticket(0, 100), at: 159) == nil)
        #expect(limits.renewed(ticket(0, 100), at: 160) == ticket(0, 160))
    }
}
