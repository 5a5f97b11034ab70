import CMeshSystem
import Glibc
import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite(
    "mtls-auth asks whether certificates were revoked (Kong Enterprise 3.9; RFC 6960, RFC 5280)",
    .serialized
)
struct RevocationTests {
    private static let modes = ["IGNORE_CA_ERROR", "STRICT"]
    private let authority: RevokingAuthority

    init() throws { self.authority = try RevokingAuthority() }

    /// A gateway whose one route wants certificates that were not revoked.
    private func gateway(
        _ mode: String?,
        _ more: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> Gateway {
        let id = EntityID(high: 6, low: 100)
        var config = [DocumentField("ca_certificates", .strings(id.description))]
        if let mode { config.append(DocumentField("revocation_check_mode", .string(mode))) }
        for (name, value) in more { config.append(DocumentField(name, value)) }
        var entities = TestEntities.proxying([Origin.answering(PluginGateway.echo).port])
        entities.caCertificates = [
            CACertificate(id: id, cert: self.authority.root.main.certificate)
        ]
        entities.consumers = [
            Consumer(id: ProtectedGateway.annID, username: "ann"),
            Consumer(id: ProtectedGateway.guestID, username: "guest"),
        ]
        entities.plugins = [Plugin.named("mtls-auth") { $0.config = .object(config) }]
        return try Gateway.secure(entities)
    }

    private func ask(_ gateway: Gateway, _ identity: TLSIdentity) throws -> TestMessage? {
        let client = try gateway.connectTLS(name: "a.test") { $0.identity = identity }
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        return client.message()
    }

    @Test(
        "takes a good certificate and refuses a revoked one, as the responder says",
        arguments: modes
    )
    func responder(mode: String) throws {
        let gateway = try self.gateway(mode)
        let good = try self.ask(gateway, try self.authority.client(RevokingAuthority.good))
        #expect(good?.status == 200)
        #expect(good?.text.lowercased().contains("x-consumer-username: ann\n") == true)
        let revoked = try self.ask(gateway, try self.authority.client(RevokingAuthority.revoked))
        #expect(revoked?.status == 401)
        #expect(
            revoked?.text.contains("\"message\":\"TLS certificate failed verification\"") == true
        )
        #expect(self.authority.takeQuestions() == ["POST /ocsp", "POST /ocsp"])
    }

    @Test(
        "takes what the list says where there is no responder, or it does not answer",
        arguments: modes
    )
    func lists(mode: String) throws {
        let gateway = try self.gateway(mode)
        for (serial, status) in [(RevokingAuthority.good, 200), (RevokingAuthority.revoked, 401)] {
            let only = try self.authority.client(serial, responder: false, list: true)
            #expect(try self.ask(gateway, only)?.status == status)
            #expect(self.authority.takeQuestions() == ["GET /list"])
            self.authority.set(.refuses)
            let both = try self.authority.client(serial, list: true)
            #expect(try self.ask(gateway, both)?.status == status)
            #expect(self.authority.takeQuestions() == ["POST /ocsp", "GET /list"])
            self.authority.set(.answers)
        }
    }

    @Test(
        "without an answer that may be relied on takes a certificate, or with STRICT refuses it",
        arguments: modes
    )
    func undecided(mode: String) throws {
        let status = mode == "STRICT" ? 401 : 200
        let gateway = try self.gateway(mode, ["http_timeout": .integer(500)])
        // Nowhere to ask; nobody who knows it.
        let silent = try self.authority.client(RevokingAuthority.good, responder: false)
        #expect(try self.ask(gateway, silent)?.status == status)
        let stranger = try self.authority.client(RevokingAuthority.stranger)
        #expect(try self.ask(gateway, stranger)?.status == status)
        let good = try self.authority.client(RevokingAuthority.good)
        try self.authority.keepAnswer(for: good.id)
        for conduct in [RevokingAuthority.Conduct.forges, .repeats, .refuses, .isSilent] {
            self.authority.set(conduct, hasList: false)
            // Every one has its own memory.
            let other = try self.gateway(
                mode,
                ["http_timeout": .integer(500), "anonymous": .string("")]
            )
            let revoked = try self.authority.client(RevokingAuthority.revoked, list: true)
            #expect(try self.ask(other, revoked)?.status == status, "\(conduct)")
        }
        let anonymous = try self.gateway(
            "STRICT",
            ["http_timeout": .integer(500), "anonymous": .string("guest")]
        )
        let answer = try self.ask(anonymous, silent)
        #expect(answer?.text.lowercased().contains("x-anonymous-consumer: true") == true)
    }

    @Test("asks once for a certificate, whatever the answer, until it is forgotten")
    func remembered() throws {
        let gateway = try self.gateway(nil)
        let identities = [
            (try self.authority.client(RevokingAuthority.good), 200),
            (try self.authority.client(RevokingAuthority.revoked), 401),
            (try self.authority.client(RevokingAuthority.stranger), 200),
        ]
        for (identity, status) in identities {
            for _ in 0..<4 { #expect(try self.ask(gateway, identity)?.status == status) }
            // A span of ten seconds or of a minute may have ended between two of them.
            #expect((1...2).contains(self.authority.takeQuestions().count))
        }
        let forgetful = try self.gateway(nil, ["cert_cache_ttl": .integer(1)])
        for _ in 0..<3 { #expect(try self.ask(forgetful, identities[0].0)?.status == 200) }
        #expect(self.authority.takeQuestions().count > 1)
    }

    @Test("answers 503 when too much waits to be asked, and remembers nothing", arguments: modes)
    func busy(mode: String) throws {
        let gateway = try self.gateway(mode, ["anonymous": .string("guest")])
        let good = try self.authority.client(RevokingAuthority.good)
        // Whoever has stopped takes nothing, as whoever is full.
        gateway.plane.inquiries.stop()
        for _ in 0..<2 { #expect(try self.ask(gateway, good)?.status == 503) }
        #expect(self.authority.takeQuestions().isEmpty)
    }

    @Test("remembers for its whole time that nobody answers, however long that took")
    func silence() throws {
        let span: Int64 = 2_000
        let good = try self.authority.client(RevokingAuthority.good)
        self.authority.set(.isSilent)
        var counts: [Int] = []
        // A slow machine may let the time of what is remembered pass before the next request.
        for _ in 0..<5 where counts.last != 0 {
            let gateway = try self.gateway(
                nil,
                ["http_timeout": .integer(span), "cert_cache_ttl": .integer(span)]
            )
            // What is remembered ends with spans that begin at whole numbers of them.
            while mesh_clock_wall_milliseconds() % span > 200 { usleep(5_000) }
            #expect(try self.ask(gateway, good)?.status == 200)
            #expect(self.authority.takeQuestions() == ["POST /ocsp"])
            #expect(try self.ask(gateway, good)?.status == 200)
            counts.append(self.authority.takeQuestions().count)
        }
        #expect(counts.last == 0)
    }

    @Test(
        "takes answers however they end, and none that is cut",
        arguments: RevokingAuthority.Framing.allCases
    )
    func framings(framing: RevokingAuthority.Framing) throws {
        self.authority.set(framing)
        for (mode, serial, status) in [
            ("STRICT", RevokingAuthority.good, framing == .cut ? 401 : 200),
            ("IGNORE_CA_ERROR", RevokingAuthority.revoked, framing == .cut ? 200 : 401),
        ] {
            let gateway = try self.gateway(mode)
            let responder = try self.authority.client(serial)
            #expect(try self.ask(gateway, responder)?.status == status)
            let list = try self.authority.client(serial, responder: false, list: true)
            #expect(try self.ask(gateway, list)?.status == status)
        }
    }

    @Test("takes a part of a list only if the certificate is in it (RFC 5280 section 6.3.3)")
    func parts() throws {
        for (path, good, revoked) in [("/list", 200, 401), ("/other", 401, 200)] {
            try self.authority.narrowList(to: path)
            let strict = try self.gateway("STRICT")
            let first = try self.authority.client(
                RevokingAuthority.good,
                responder: false,
                list: true
            )
            #expect(try self.ask(strict, first)?.status == good)
            let other = try self.authority.client(
                RevokingAuthority.revoked,
                responder: false,
                list: true
            )
            let open = try self.gateway("IGNORE_CA_ERROR")
            #expect(try self.ask(open, other)?.status == revoked)
        }
    }

    @Test("asks nobody when it is told to (SKIP)")
    func skipped() throws {
        let gateway = try self.gateway("SKIP")
        let revoked = try self.authority.client(RevokingAuthority.revoked, list: true)
        #expect(try self.ask(gateway, revoked)?.status == 200)
        #expect(self.authority.takeQuestions().isEmpty)
    }
}
