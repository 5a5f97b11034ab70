import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("basic-auth, as Kong's (§6.5)")
struct BasicAuthTests {
    private static let hash = PasswordHash.make("open: sesame", for: ProtectedGateway.passwordID)

    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> ProtectedGateway {
        try ProtectedGateway([.named("basic-auth", config)]) { entities in
            entities.basicCredentials = [
                BasicCredential(
                    id: ProtectedGateway.passwordID,
                    consumer: ProtectedGateway.annID,
                    username: "ann",
                    password: Self.hash ?? ""
                ),
                BasicCredential(
                    id: EntityID(high: 9, low: 4),
                    consumer: ProtectedGateway.bobID,
                    username: "bob",
                    // SHA-1 of `pw` and the consumer's id.
                    password: PasswordHash.imported(Self.kongDigest) ?? ""
                ),
                BasicCredential(
                    id: EntityID(high: 9, low: 5),
                    consumer: ProtectedGateway.bobID,
                    username: "plain",
                    password: "never hashed"
                ),
            ]
        }
    }

    // `printf 'pw%s' 00000000-0000-0007-0000-000000000002 | sha1sum`
    private static let kongDigest = "5169bc5d857197e1d39bd486c5bd001458c92828"

    private func header(_ text: String, _ name: String = "Authorization") -> String {
        "\(name): Basic \(Base64.encode(Array(text.utf8)))\r\n"
    }

    @Test("lets the right password pass, again and again, colons in it or not")
    func right() throws {
        let gateway = try self.gateway()
        for _ in 0..<3 {
            let answer = try #require(gateway.ask(self.header("ann:open: sesame")))
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-consumer-username: ann\n"))
            let id = ProtectedGateway.passwordID
            #expect(answer.text.contains("x-credential-identifier: \(id)\n"))
        }
    }

    @Test("takes Kong's own hashes over")
    func kongs() throws {
        let gateway = try self.gateway()
        #expect(gateway.ask(self.header("bob:pw"))?.status == 200)
        #expect(gateway.ask(self.header("bob:pv"))?.status == 401)
    }

    @Test("reads Proxy-Authorization first, then Authorization")
    func fields() throws {
        let gateway = try self.gateway()
        let good = self.header("bob:pw", "Proxy-Authorization")
        let other = self.header("ann:wrong")
        #expect(gateway.ask(good + other)?.text.contains("username: bob") == true)
        #expect(
            gateway.ask("Proxy-Authorization: Bearer x\r\n" + self.header("bob:pw"))?.status == 200
        )
    }

    @Test(
        "refuses everything else",
        arguments: [
            "", "Authorization: Basic\r\n", "Authorization: Basic !!!\r\n",
            "Authorization: Basic YW5u\r\n", "Authorization: Bearer YW5uOng=\r\n",
            "Authorization: Basic OnB3\r\n",
        ]
    )
    func refused(lines: String) throws {
        let gateway = try self.gateway()
        let answer = try #require(gateway.ask(lines))
        #expect(answer.status == 401)
        #expect(answer.text.contains("\"message\":\"Unauthorized\""))
        #expect(answer["www-authenticate"] == "Basic realm=\"service\"")
    }

    @Test("refuses wrong passwords, unknown names, and a password that nobody hashed")
    func wrong() throws {
        let gateway = try self.gateway(["realm": .string("shop")])
        for text in ["ann:wrong", "ann:", "eve:pw", "plain:never hashed", "ann:open: sesam"] {
            let answer = try #require(gateway.ask(self.header(text)))
            #expect(answer.status == 401, "\(text)")
            #expect(answer["www-authenticate"] == "Basic realm=\"shop\"")
        }
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("hides the password from the target")
    func hidden() throws {
        let gateway = try self.gateway(["hide_credentials": .bool(true)])
        let answer = try #require(gateway.ask(self.header("ann:open: sesame")))
        #expect(answer.status == 200)
        #expect(!answer.text.contains("authorization"))
    }

    @Test("forgets a password once it was changed")
    func changed() {
        let memory = SharedMarks()
        let secret = [UInt8](repeating: 9, count: 32)
        let mark = { (hash: String, password: String) in
            PluginMark(ProtectedGateway.passwordID, hash, Array(password.utf8), secret: secret)
        }
        memory.insert(mark("old hash", "open"))
        #expect(memory.contains(mark("old hash", "open")))
        #expect(!memory.contains(mark("new hash", "open")))
        #expect(!memory.contains(mark("old hash", "opem")))
    }

    @Test("answers a user that does not exist as slowly as a wrong password")
    func unknownUser() throws {
        let gateway = try self.gateway()
        let time = { (text: String) -> Duration in
            (0..<3).map { _ in
                ContinuousClock().measure { _ = gateway.ask(self.header(text)) }
            }.min() ?? .zero
        }
        // The first hash for nobody is made at the first request.
        _ = time("eve:pw")
        let wrong = time("ann:wrong")
        #expect(time("eve:pw") * 2 > wrong)
    }
}
