import MeshDeclarative
import MeshEntities
import Testing

@Suite("Vaults, keys and key sets of a file")
struct VaultAndKeyFileTests {
    private static let text = """
        _format_version: "3.0"
        vaults:
          - prefix: my-env
            name: env
            description: Where the edge's secrets are
            config: { prefix: EDGE_, base64_decode: true }
          - { prefix: plain, name: env }
        key_sets:
          - name: partners
            keys:
              - kid: one
                name: first
                jwk: '{"kty": "oct", "k": "AQ", "kid": "one"}'
        keys:
          - kid: one
            pem: { public_key: "-----BEGIN PUBLIC KEY-----\\nAA\\n-----END PUBLIC KEY-----" }
        certificates:
          - { cert: "{vault://my-env/cert}", key: "{vault://plain/key}" }
        plugins:
          - name: session
            config: { secret: "{vault://env/pot/inner}", cookie_name: c }
        """

    @Test("load, nested and flat, and are written so that they read back")
    func load() throws {
        let mesh = try MeshDeclarativeTests.load(Self.text)

        #expect(mesh.vaults.map(\.prefix).sorted() == ["my-env", "plain"])
        let set = try #require(mesh.keySets.first)
        #expect(mesh.keys.count == 2)
        #expect(mesh.keys.first { $0.name == "first" }?.set == set.id)
        #expect(try MeshDeclarativeTests.load(DeclarativeFile.write(mesh)) == mesh)
        #expect(try MeshDeclarativeTests.load(DeclarativeFile.write(mesh, for: .kong)) == mesh)
    }

    @Test("give certificates and plugins what the environment holds, on each node for itself")
    func resolve() throws {
        let mesh = try MeshDeclarativeTests.load(Self.text)
        let (cert, key) = ("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----")
        var environment = [
            "EDGE_CERT": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", "KEY": key,
            "POT": #"{"inner": "S"}"#,
        ]

        let resolved = try mesh.resolved { environment[$0] }

        let certificate = try #require(resolved.certificates.first)
        #expect((certificate.cert, certificate.key) == (cert, key))
        #expect(resolved.plugins.first?.config["secret"] == .string("S"))
        #expect(resolved.plugins.first?.config["cookie_name"] == .string("c"))
        environment["POT"] = nil
        let error = #expect(throws: MissingSecret.self) { try mesh.resolved { environment[$0] } }
        #expect(error?.description.contains("set POT in the environment") == true)
    }

    @Test(
        "are refused when they say what cannot be",
        arguments: [
            ("vaults: [{ prefix: env, name: env }]", "prefix: must not be one of: env"),
            ("vaults: [{ prefix: Big, name: env }]", "prefix: invalid value: Big"),
            ("vaults: [{ prefix: cloud, name: aws }]", "name: vault 'aws' is not installed"),
            (
                "vaults: [{ prefix: a-b, name: env }, { prefix: a-b, name: env }]",
                "prefix set to 'a-b' already declared"
            ),
            ("keys: [{ kid: a }]", "exactly one of these fields must be non-empty: 'jwk', 'pem'"),
            (#"keys: [{ kid: a, jwk: "{" }]"#, "jwk: could not json decode jwk string"),
            (
                #"keys: [{ kid: a, jwk: '{"kid": "b"}' }]"#,
                "jwk: kid in jwk.kid must be equal to keys.kid"
            ),
            (
                #"keys: [{ kid: a, set: gone, jwk: '{"kid": "a"}' }]"#, "gone"
            ),
            (
                "plugins: [{ name: session, config: { secret: \"{vault://gone/x}\" } }]",
                "vault 'gone' does not exist"
            ),
        ]
    )
    func refuse(text: String, reason: String) {
        let found = complaints("_format_version: \"3.0\"\n\(text)\n")

        #expect(found.count == 1 && found[0].contains(reason), "\(found)")
    }
}
