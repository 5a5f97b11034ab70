import Foundation
import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite(
    "ldap-auth: a directory says whether a password is right (Kong 3.9)",
    .serialized,
    .enabled(if: DirectoryServer.isInstalled, "needs Debian's slapd")
)
struct LDAPAuthTests {
    private static func login(_ text: String, _ scheme: String = "ldap") -> String {
        "Authorization: \(scheme) \(Data(text.utf8).base64EncodedString())\r\n"
    }

    private func gateway(
        _ port: UInt16,
        _ more: KeyValuePairs<String, DocumentValue> = [:],
        others: [Plugin] = []
    ) throws -> ProtectedGateway {
        try ProtectedGateway([Self.plugin(port, more)] + others)
    }

    private static func plugin(
        _ port: UInt16,
        _ more: KeyValuePairs<String, DocumentValue>
    ) -> Plugin {
        var config = [
            DocumentField("ldap_host", .string("127.0.0.1")),
            DocumentField("ldap_port", .integer(Int64(port))),
            DocumentField("base_dn", .string(DirectoryServer.base)),
            DocumentField("attribute", .string("cn")),
        ]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return .named("ldap-auth") { $0.config = .object(config) }
    }

    @Test("lets in who shows the right password, and tells the target the name")
    func right() throws {
        let directory = try DirectoryServer()
        let gateway = try self.gateway(directory.port)
        for name in ["ann", "O'Hara, Ben"] {
            let password = name == "ann" ? "open:sesame" : "hush"
            let spoofed = "X-Consumer-Username: eve\r\nX-Credential-Identifier: eve\r\n"
            let answer = try #require(
                gateway.ask(Self.login("\(name):\(password)", "LDAP") + spoofed)
            )
            #expect(answer.status == 200, "\(answer.text)")
            #expect(
                answer.text.lowercased().contains("x-credential-identifier: \(name.lowercased())\n")
            )
            #expect(!answer.text.contains("eve"))
            #expect(answer.text.lowercased().contains("\nauthorization: ldap"))
        }
    }

    @Test("answers 401 with a challenge to everything else")
    func wrong() throws {
        let directory = try DirectoryServer()
        let gateway = try self.gateway(directory.port, ["realm": .string("staff")])
        let wrong = [
            "", Self.login("ann:wrong"), Self.login("nobody:open:sesame"), Self.login("ann:"),
            Self.login(":x"), Self.login("ann"), Self.login("ann:open:sesame", "Basic"),
            "Authorization: ldap !!!\r\n", Self.login("ann\u{7}:open:sesame"),
        ]
        for lines in wrong {
            let answer = gateway.ask(lines)
            #expect(answer?.status == 401, "\(lines)")
            #expect(answer?["www-authenticate"] == "LDAP realm=\"staff\"")
            #expect(answer?.text.contains("\"message\":\"Unauthorized\"") == true)
        }
        #expect(gateway.origin.requests.isEmpty)
    }

    @Test("keeps apart what proxy-cache keeps of answers to one login and another")
    func cached() throws {
        let directory = try DirectoryServer()
        let config: DocumentValue = .record([
            "ldap_host": .string("127.0.0.1"), "ldap_port": .integer(Int64(directory.port)),
            "base_dn": .string(DirectoryServer.base), "attribute": .string("cn"),
        ])
        let cache: DocumentValue = .record(["strategy": .string("memory")])
        let plugin = try PluginGateway([("ldap-auth", config), ("proxy-cache", cache)])
        for status in ["Miss", "Hit"] {
            for (name, password) in [("ann", "open:sesame"), ("O'Hara, Ben", "hush")] {
                let login = "Proxy-" + Self.login("\(name):\(password)").dropLast()
                let answer = try #require(plugin.ask("GET", "/a", [login]))
                #expect(answer["x-cache-status"] == status)
                #expect(
                    answer.text.lowercased()
                        .contains("x-credential-identifier: \(name.lowercased())\n")
                )
            }
        }
    }

    @Test("asks for one value of the name, whatever the client sends (RFC 4514)")
    func injection() throws {
        let directory = try DirectoryServer()
        let gateway = try self.gateway(directory.port, ["base_dn": .string("dc=a,dc=test")])
        for name in ["ann,ou=people", "ann+sn=ann,ou=people", "ann\\,ou=people", "*", "ann,"] {
            #expect(gateway.ask(Self.login("\(name):open:sesame"))?.status == 401, "\(name)")
        }
    }

    @Test("takes Proxy-Authorization before Authorization, and hides both if it is told so")
    func fields() throws {
        let directory = try DirectoryServer()
        let gateway = try self.gateway(
            directory.port,
            ["hide_credentials": .bool(true), "header_type": .string("basic")]
        )
        let answer = try #require(
            gateway.ask(
                "Proxy-" + Self.login("ann:wrong", "Basic")
                    + Self.login("ann:open:sesame", "Basic")
            )
        )
        #expect(answer.status == 200)
        #expect(!answer.text.lowercased().contains("authorization"))
        #expect(gateway.ask()?["www-authenticate"] == "basic")
    }

    @Test("speaks TLS, from the start or when it asks for it, and checks certificates if told so")
    func secure() throws {
        let plain = try DirectoryServer()
        let secure = try DirectoryServer(isSecure: true)
        for (port, field) in [(plain.port, "start_tls"), (secure.port, "ldaps")] {
            let trusting = try self.gateway(port, [field: .bool(true)])
            #expect(trusting.ask(Self.login("ann:open:sesame"))?.status == 200, "\(field)")
            #expect(trusting.ask(Self.login("ann:wrong"))?.status == 401)
            // Nobody that the system trusts vouches for this server.
            let checking = try self.gateway(
                port,
                [field: .bool(true), "verify_ldap_host": .bool(true)]
            )
            #expect(checking.ask(Self.login("ann:open:sesame"))?.status == 500, "\(field)")
        }
    }

    @Test(
        "fails closed when the directory is away or silent, even with an anonymous consumer",
        arguments: ["away", "silent", "babbling"]
    )
    func failures(way: String) throws {
        let silent = Origin { _, socket, _ in
            if way == "babbling" { socket.send("HTTP/1.1 200 OK\r\n\r\n") }
            _ = socket.receiveAll()
        }
        let port = way == "away" ? Origin.deadPort() : silent.port
        let gateway = try self.gateway(
            port,
            ["timeout": .integer(300), "anonymous": .string("guest")]
        )
        #expect(gateway.ask(Self.login("ann:open:sesame"))?.status == 500)
        // Who shows no password is not asked for.
        let guest = try #require(gateway.ask())
        #expect(guest.status == 200)
        #expect(guest.text.lowercased().contains("x-anonymous-consumer: true"))
    }

    @Test("remembers what the directory said for as long as it is told, and asks again after that")
    func cache() throws {
        let directory = try DirectoryServer()
        let forgetful = try self.gateway(directory.port, ["cache_ttl": .integer(0)])
        let remembering = try self.gateway(directory.port, ["cache_ttl": .integer(80_000_000)])
        for gateway in [forgetful, remembering] {
            #expect(gateway.ask(Self.login("ann:open:sesame"))?.status == 200)
            #expect(gateway.ask(Self.login("ann:wrong"))?.status == 401)
        }
        directory.stop()
        #expect(forgetful.ask(Self.login("ann:open:sesame"))?.status == 500)
        #expect(remembering.ask(Self.login("ann:open:sesame"))?.status == 200)
        #expect(remembering.ask(Self.login("ann:wrong"))?.status == 401)
        #expect(remembering.ask(Self.login("ann:other"))?.status == 500)
    }

    @Test("forgets with its settings what the directory said")
    func changed() throws {
        let directory = try DirectoryServer()
        var entities = GatewayConfiguration()
        let first = Self.plugin(directory.port, ["cache_ttl": .integer(3_600)])
        let gateway = try ProtectedGateway([first]) { entities = $0 }
        #expect(gateway.ask(Self.login("ann:open:sesame"))?.status == 200)
        entities.plugins = [
            Self.plugin(
                directory.port,
                ["cache_ttl": .integer(3_600), "realm": .string("staff")]
            )
        ]
        directory.stop()
        #expect(gateway.ask(Self.login("ann:open:sesame"))?.status == 200)
        try gateway.gateway.install(entities, version: 2)
        #expect(gateway.ask(Self.login("ann:open:sesame"))?.status == 500)
    }

    @Test("has limits count for each login, as Kong", arguments: ["consumer", "credential"])
    func limits(subject: String) throws {
        let directory = try DirectoryServer()
        let limit = Plugin.named(
            "rate-limiting",
            ["hour": .integer(1), "limit_by": .string(subject)]
        )
        let gateway = try self.gateway(directory.port, others: [limit])
        for (login, status) in [
            ("ann:open:sesame", 200), ("ann:open:sesame", 429), ("O'Hara, Ben:hush", 200),
        ] {
            #expect(gateway.ask(Self.login(login))?.status == status)
        }
    }

    @Test("is one of several ways in, and no consumer of acl")
    func others() throws {
        let directory = try DirectoryServer()
        let keys = Plugin.named("key-auth", ["anonymous": .string("guest")])
        let gateway = try self.gateway(
            directory.port,
            ["anonymous": .string("guest")],
            others: [keys]
        )
        let known = try #require(gateway.ask(Self.login("ann:open:sesame")))
        #expect(known.text.lowercased().contains("x-credential-identifier: ann\n"))
        #expect(!known.text.lowercased().contains("x-anonymous-consumer"))
        let byKey = try #require(gateway.ask(key: "ann-key"))
        #expect(byKey.text.lowercased().contains("x-consumer-username: ann\n"))
        let limited = try self.gateway(
            directory.port,
            others: [Plugin.named("acl", ["allow": .strings("admins")])]
        )
        // As in Kong, who is known and in no group is refused otherwise than who is not known.
        let refused = try #require(limited.ask(Self.login("ann:open:sesame")))
        #expect(refused.status == 403)
        #expect(refused.text.contains("\"message\":\"You cannot consume this service\""))
    }
}
