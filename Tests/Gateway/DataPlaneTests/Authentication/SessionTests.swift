import MeshEntities
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("session, as Kong's (§6.5)")
struct SessionTests {
    private static let secret = DocumentValue.string("a secret of the whole mesh")

    private func gateway(
        _ secret: DocumentValue = Self.secret,
        remembers: Bool = false
    ) throws -> ProtectedGateway {
        try ProtectedGateway([
            .named(
                "session",
                [
                    "secret": secret, "cookie_secure": .bool(false), "remember": .bool(remembers),
                    "remember_rolling_timeout": .integer(7_200),
                ]
            ),
            .named("key-auth", ["anonymous": .string("guest")]),
            .named("request-termination", ["status_code": .integer(401)]) {
                $0.consumer = ProtectedGateway.guestID
            },
        ])
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

    @Test("gives a client a new session that shows what outlasts the browser")
    func remembered() throws {
        let gateway = try self.gateway(remembers: true)
        let cookies = { (answer: TestMessage) in
            answer.fields.filter { $0.name.lowercased() == "set-cookie" }.map(\.value)
        }
        let made = cookies(try #require(gateway.ask(key: "ann-key")))
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
        #expect(cookies(later).map { String($0.prefix { $0 != "=" }) } == ["session", "remember"])
        // One cookie is no other, and needs the setting.
        let swapped = shown.replacing("remember=", with: "session=")
        #expect(gateway.ask("Cookie: \(swapped)\r\n")?.status == 401)
        #expect(try self.gateway().ask("Cookie: \(shown)\r\n")?.status == 401)
        let left = gateway.ask(
            "Cookie: \(shown)\r\n",
            target: "/?session_logout=1",
            method: "DELETE"
        )
        #expect(
            left.map(cookies)?.map { String($0.prefix { $0 != ";" }) } == ["session=", "remember="]
        )
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
