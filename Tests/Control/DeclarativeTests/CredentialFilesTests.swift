import MeshEntities
import Testing

@testable import MeshDeclarative

@Suite("Credentials in a file, as Kong's (§1.5)")
struct CredentialFilesTests {
    private static let nested = """
        _format_version: "3.0"
        consumer_groups:
          - name: gold
            plugins: [{ name: request-termination, config: { status_code: 418 } }]
        consumers:
          - username: ann
            groups: [{ name: gold }]
            keyauth_credentials: [{ key: ann-key }]
            basicauth_credentials: [{ username: ann, password: open }]
            jwt_secrets: [{ key: ann, secret: hush }]
            hmacauth_credentials: [{ username: ann, secret: hush }]
            mtls_auth_credentials: [{ subject_name: ann.test }]
            acls: [{ group: admins }, { group: staff }]
            plugins: [{ name: request-termination }]
        """

    private static let flat = """
        _format_version: "3.0"
        consumer_groups: [{ name: gold }]
        consumers: [{ username: ann }]
        consumer_group_consumers: [{ consumer: ann, consumer_group: gold }]
        keyauth_credentials: [{ consumer: ann, key: ann-key }]
        basicauth_credentials: [{ consumer: ann, username: ann, password: open }]
        jwt_secrets: [{ consumer: ann, key: ann, secret: hush }]
        hmacauth_credentials: [{ consumer: ann, username: ann, secret: hush }]
        mtls_auth_credentials: [{ consumer: ann, subject_name: ann.test }]
        acls: [{ consumer: ann, group: admins }, { consumer: ann, group: staff }]
        """

    @Test("may stand inside their consumer or at the top", arguments: [nested, flat])
    func forms(text: String) throws {
        let entities = try DeclarativeFile.parse(text, name: "kong.yml").configuration
        let ann = try #require(entities.consumer("ann")).id
        #expect(entities.keyCredentials.map(\.key) == ["ann-key"])
        #expect(entities.keyCredentials.map(\.consumer) == [ann])
        #expect(entities.jwtSecrets.map(\.secret) == ["hush"])
        #expect(entities.hmacCredentials.map(\.username) == ["ann"])
        #expect(entities.certificateCredentials.map(\.subjectName) == ["ann.test"])
        #expect(entities.certificateCredentials.map(\.consumer) == [ann])
        #expect(Set(entities.aclGroups.map(\.group)) == ["admins", "staff"])
        #expect(entities.groupMembers.map(\.consumer) == [ann])
        #expect(entities.groupMembers.map(\.consumerGroup) == entities.consumerGroups.map(\.id))
    }

    @Test("bind plugins to consumers and groups")
    func plugins() throws {
        let entities = try DeclarativeFile.parse(Self.nested, name: "kong.yml").configuration
        #expect(entities.plugins.count { $0.consumer != nil } == 1)
        #expect(entities.plugins.compactMap(\.consumerGroup) == entities.consumerGroups.map(\.id))
    }

    @Test("keep passwords hashed, the same way at every load")
    func passwords() throws {
        let first = try DeclarativeFile.parse(Self.nested, name: "kong.yml").configuration
        let second = try DeclarativeFile.parse(Self.nested, name: "kong.yml").configuration
        #expect(first == second)
        #expect(first.basicCredentials[0].password.hasPrefix("$argon2id$"))
    }

    @Test("take Kong's own hashes when the file says that they are some")
    func transform() throws {
        let digest = "4E1243BD22C66E76C2BA9EDDC1F91394E57F9F83"
        let text = """
            _format_version: "3.0"
            _transform: false
            consumers:
              - username: ann
                basicauth_credentials: [{ username: ann, password: \(digest) }]
            """
        let entities = try DeclarativeFile.parse(text, name: "kong.yml").configuration
        #expect(entities.basicCredentials[0].password == "{sha1}\(digest.lowercased())")
        let wrong = text.replacing(digest, with: "open")
        #expect(
            complaints(wrong) == [
                "kong.yml:5:56 consumers[0].basicauth_credentials[0].password: "
                    + "expected 40 hexadecimal digits, since the file says '_transform: false'"
            ]
        )
    }

    @Test(
        "read back as they were written",
        arguments: [
            DeclarativeFile.Purpose.mesh, .kong, .people,
        ]
    )
    func written(purpose: DeclarativeFile.Purpose) throws {
        let entities = try DeclarativeFile.parse(Self.nested, name: "kong.yml").configuration
        let text = DeclarativeFile.write(entities, for: purpose)
        let read = try DeclarativeFile.parse(text, name: "again.yml").configuration
        #expect(read == entities)
    }

    @Test(
        "are refused in Kong's words, secrets left out",
        arguments: [
            (
                "keyauth_credentials: [{ key: a }]",
                "kong.yml:2:23 keyauth_credentials[0].consumer: required field missing"
            ),
            (
                "consumers: [{ username: a, keyauth_credentials: [{ tags: [b] }] }]",
                "kong.yml:2:50 consumers[0].keyauth_credentials[0].key: required field missing"
            ),
            (
                "consumers: [{ username: a, jwt_secrets: [{ key: b, algorithm: RS256 }] }]",
                "kong.yml:2:42 consumers[0].jwt_secrets[0].rsa_public_key: required field missing"
            ),
            (
                "consumers: [{ username: a, jwt_secrets: "
                    + "[{ key: b, algorithm: RS256, rsa_public_key: x }] }]",
                "kong.yml:2:86 consumers[0].jwt_secrets[0].rsa_public_key: "
                    + "expected a public key in PEM for RS256"
            ),
            (
                "consumers: [{ username: a, keyauth_credentials: [{ key: hush }, { key: hush }] }]",
                "kong.yml:2:72 consumers[0].keyauth_credentials[1].key: uniqueness violation: "
                    + "'keyauth_credentials' entity with key set to '******' already declared"
            ),
            (
                "plugins: [{ name: key-auth, consumer: a }]\nconsumers: [{ username: a }]",
                "kong.yml:2:39 plugins[0].consumer: value must be null"
            ),
            (
                "plugins: [{ name: acl }]",
                "kong.yml:2:11 plugins[0]: at least one of these fields must be non-empty: "
                    + "'config.allow', 'config.deny'"
            ),
        ]
    )
    func refused(text: String, expected: String) {
        #expect(complaints("_format_version: '3.0'\n\(text)") == [expected])
    }
}
