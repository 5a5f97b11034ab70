import Testing

@testable import MeshTLS

@Suite("Session tickets")
struct TLSTicketKeysTests {
    private static func key(_ seed: UInt8) throws -> TLSTicketKeys.Key {
        try #require(
            TLSTicketKeys.Key(
                name: [UInt8](repeating: seed, count: 16),
                secret: (0..<64).map { seed &+ $0 }
            )
        )
    }

    /// Another node: a context of its own with keys of its own, equal in value.
    private static func node(_ keys: TLSTicketKeys?) throws -> TLSServerContext {
        try TestIdentities.server { $0.ticketKeys = keys }
    }

    /// A client of one version; contexts stay, since a session is bound to its own.
    private static func client(_ version: TLSSession.Version) throws -> TLSClientContext {
        try TestIdentities.client { $0.maximumVersion = version }
    }

    private static func session(
        _ server: TLSServerContext,
        _ client: TLSClientContext
    ) throws -> TLSResumption? {
        let pair = try TLSPair.connected(server, client, name: "a.test")
        pair.server.write("x")
        #expect(pair.client.readText() == "x")
        return pair.client.session.takeSession()
    }

    @Test(
        "are resumed by another node with equal keys",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func resumesElsewhere(version: TLSSession.Version) throws {
        let first = try Self.node(TLSTicketKeys(current: Self.key(1)))
        let second = try Self.node(TLSTicketKeys(current: Self.key(1)))
        let client = try Self.client(version)

        let session = try #require(try Self.session(first, client))
        let pair = try TLSPair.connected(second, client, name: "a.test", resuming: session)

        #expect(pair.server.session.version == version)
        #expect(pair.server.session.isResumed)
        #expect(pair.client.session.isResumed)
        #expect(pair.server.serverName == "a.test")
        pair.client.write("again")
        #expect(pair.server.readText() == "again")
    }

    @Test(
        "live through a rotation, and are renewed by it",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func survivesRotation(version: TLSSession.Version) throws {
        let keys = try TLSTicketKeys(current: Self.key(1))
        let server = try Self.node(keys)
        let client = try Self.client(version)
        let session = try #require(try Self.session(server, client))

        keys.replace(current: try Self.key(2), accepted: [try Self.key(1)])
        let pair = try TLSPair.connected(server, client, name: "a.test", resuming: session)
        #expect(pair.server.session.isResumed)
        pair.server.write("x")
        #expect(pair.client.readText() == "x")
        let renewed = try #require(pair.client.session.takeSession())

        keys.replace(current: try Self.key(2), accepted: [])
        let last = try TLSPair.connected(server, client, name: "a.test", resuming: renewed)
        #expect(last.server.session.isResumed)
    }

    @Test(
        "of a forgotten key lead to a full handshake",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func forgets(version: TLSSession.Version) throws {
        let keys = try TLSTicketKeys(current: Self.key(1))
        let server = try Self.node(keys)
        let client = try Self.client(version)
        let session = try #require(try Self.session(server, client))

        keys.replace(current: try Self.key(2), accepted: [])
        let pair = try TLSPair.connected(server, client, name: "a.test", resuming: session)

        #expect(!pair.server.session.isResumed)
        #expect(!pair.client.session.isResumed)
    }

    @Test("are not made without keys", arguments: [TLSSession.Version.tls12, .tls13])
    func areOptional(version: TLSSession.Version) throws {
        let server = try Self.node(nil)
        let client = try Self.client(version)
        guard let session = try Self.session(server, client) else { return }
        let pair = try TLSPair.connected(server, client, name: "a.test", resuming: session)
        #expect(!pair.server.session.isResumed)
    }

    @Test("do not carry a client past a listener that asks for a certificate")
    func areBoundToScope() throws {
        let keys = try TLSTicketKeys(current: Self.key(1))
        let authority = try TestAuthority.shared.get()
        let open = try Self.node(keys)
        let strict = try TestIdentities.server {
            $0.ticketKeys = keys
            $0.clientCertificates = .required
            $0.clientAuthorities = [authority.root.certificate]
        }
        let client = try Self.client(.tls12)
        let session = try #require(try Self.session(open, client))

        let pair = try TLSPair(strict, client, name: "a.test", resuming: session)

        guard case .failed(let failure) = pair.handshake().server else {
            Issue.record("the handshake went through")
            return
        }
        #expect(failure.cause == .certificateMissing)
    }

    @Test("are offered only by the client context that got them")
    func areBoundToContext() throws {
        let server = try Self.node(TLSTicketKeys(current: Self.key(1)))
        let session = try #require(try Self.session(server, Self.client(.tls13)))

        let pair = try TLSPair.connected(
            server,
            Self.client(.tls13),
            name: "a.test",
            resuming: session
        )

        #expect(!pair.client.session.isResumed)
    }

    @Test("have keys of 16 and 64 bytes")
    func keysAreChecked() throws {
        #expect(TLSTicketKeys.Key(name: [1], secret: [UInt8](repeating: 0, count: 64)) == nil)
        #expect(TLSTicketKeys.Key(name: [UInt8](repeating: 0, count: 16), secret: [1]) == nil)
        let made = try #require(TLSTicketKeys.Key.random())
        #expect(made != TLSTicketKeys.Key.random())
    }
}
