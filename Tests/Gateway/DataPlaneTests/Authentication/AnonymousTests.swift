import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Several plugins that authenticate, as Kong's (§6.5)")
struct AnonymousTests {
    private static let basic = "Authorization: Basic \(Base64.encode(Array("bob:pw".utf8)))\r\n"

    private func gateway(_ plugins: [Plugin]) throws -> ProtectedGateway {
        try ProtectedGateway(plugins) { entities in
            entities.basicCredentials = [
                BasicCredential(
                    id: ProtectedGateway.passwordID,
                    consumer: ProtectedGateway.bobID,
                    username: "bob",
                    password: PasswordHash.make("pw", for: ProtectedGateway.passwordID) ?? ""
                )
            ]
        }
    }

    @Test("let a request in as the anonymous consumer, named by id or user name")
    func anonymous() throws {
        for name in ["guest", "\(ProtectedGateway.guestID)"] {
            let gateway = try self.gateway([.named("key-auth", ["anonymous": .string(name)])])
            let lines = "X-Credential-Identifier: forged\r\nX-Consumer-Custom-ID: forged\r\n"
            let answer = try #require(gateway.ask(lines))
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-anonymous-consumer: true\n"))
            #expect(answer.text.contains("x-consumer-username: guest\n"))
            #expect(!answer.text.contains("x-credential-identifier"))
            #expect(!answer.text.contains("forged"))
            #expect(gateway.ask(key: "wrong")?.text.contains("username: guest") == true)
            #expect(gateway.ask(key: "ann-key")?.text.contains("username: ann") == true)
        }
    }

    @Test("answer 500 when the anonymous consumer does not exist")
    func missing() throws {
        let gateway = try self.gateway([.named("key-auth", ["anonymous": .string("nobody")])])
        let answer = try #require(gateway.ask())
        #expect(answer.status == 500)
        #expect(
            answer.text.contains("anonymous consumer nobody is configured but doesn't exist")
        )
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("must all succeed without it (AND)")
    func and() throws {
        let gateway = try self.gateway([.named("key-auth"), .named("basic-auth")])
        #expect(gateway.ask()?.status == 401)
        #expect(gateway.ask(key: "ann-key")?["www-authenticate"] == "Basic realm=\"service\"")
        #expect(gateway.ask(Self.basic)?["www-authenticate"] == "Key")
        let answer = try #require(gateway.ask("apikey: ann-key\r\n" + Self.basic))
        // The last one says who it is.
        #expect(answer.text.contains("x-consumer-username: bob\n"))
        #expect(!answer.text.contains("x-consumer-username: ann"))
    }

    @Test("need one that succeeds with it (OR)")
    func or() throws {
        let guest = DocumentValue.string("guest")
        let gateway = try self.gateway([
            .named("key-auth", ["anonymous": guest]), .named("basic-auth", ["anonymous": guest]),
        ])
        let both = "apikey: ann-key\r\n" + Self.basic
        #expect(gateway.ask()?.text.contains("username: guest") == true)
        #expect(gateway.ask(key: "ann-key")?.text.contains("username: ann") == true)
        let basic = try #require(gateway.ask(Self.basic))
        #expect(basic.text.contains("username: bob"))
        #expect(!basic.text.contains("anonymous"))
        #expect(gateway.ask(both)?.text.contains("username: ann") == true)
    }
}
