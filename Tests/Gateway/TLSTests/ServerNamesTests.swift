import Testing

@testable import MeshTLS

@Suite("Certificate selection by server name")
struct ServerNamesTests {
    private static let rules = ["api.shop.test", "*.shop.test", "api.*", "*"]

    private func index(of name: String, in rules: [String]) -> Int? {
        var names = ServerNames()
        for (index, rule) in rules.enumerated() {
            let isNew = names.insert(rule, index: index)
            #expect(isNew)
        }
        return names.index(of: name)
    }

    @Test("prefers exact to *.x to x.* to *")
    func prefers() {
        #expect(self.index(of: "api.shop.test", in: Self.rules) == 0)
        #expect(self.index(of: "www.shop.test", in: Self.rules) == 1)
        #expect(self.index(of: "api.shop.test", in: Array(Self.rules.dropFirst())) == 0)
        #expect(self.index(of: "api.example", in: Self.rules) == 2)
        #expect(self.index(of: "other", in: Self.rules) == 3)
        #expect(self.index(of: "other.example", in: Array(Self.rules.dropLast())) == nil)
    }

    @Test("lets a wildcard stand for one label")
    func oneLabel() {
        #expect(self.index(of: "a.b.shop.test", in: ["*.shop.test"]) == nil)
        #expect(self.index(of: "api.shop.test", in: ["api.*"]) == nil)
        #expect(self.index(of: "shop.test", in: ["*.shop.test"]) == nil)
    }

    @Test("accepts names with a wildcard label at either end only")
    func validates() {
        for name in ["a.test", "*.test", "a.*", "*", "localhost", "x-1.y_2"] {
            #expect(ServerNames.isValid(name), "\(name)")
        }
        for name in ["", "*.*", "a*.test", "a.*.test", ".test", "a..b", "*a", "**"] {
            #expect(!ServerNames.isValid(name), "\(name)")
        }
    }

    @Test(
        "shows the certificate of the name in a handshake",
        arguments: [
            ("api.shop.test", 1), ("API.Shop.Test", 1), ("www.shop.test", 2), ("api.example", 3),
            ("unknown", 4), ("", 0),
        ]
    )
    func shows(name: String, index: Int) throws {
        var identities = [TestIdentities.fallback]
        for rule in Self.rules {
            var identity = TestIdentities.make("c\(identities.count).test")
            identity.names = [rule]
            identities.append(identity)
        }
        let context = try TestIdentities.server { $0.identities = Array(identities.dropFirst()) }

        let pair = try TLSPair.connected(context, TestIdentities.client(), name: name)

        #expect(pair.client.peerDigest == TestIdentities.digest(identities[index]))
        #expect(pair.server.serverName == name.lowercased())
    }

    @Test("refuses a name that two certificates have, and a malformed one")
    func refuses() {
        var first = TestIdentities.fallback
        first.names = ["a.test"]
        var second = first
        second.id = "second"
        second.names = ["A.test"]
        let doubled = #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.server { $0.identities = [first, second] }
        }
        #expect(
            doubled?.description
                == "second: snis is A.test: another certificate has this name; give each name once"
        )
        second.names = ["a.*.test"]
        #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.server { $0.identities = [second] }
        }
    }
}
