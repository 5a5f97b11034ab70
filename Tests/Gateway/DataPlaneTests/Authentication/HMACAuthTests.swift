import Glibc
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("hmac-auth on the wire (§6.5)")
struct HMACAuthTests {
    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> ProtectedGateway {
        try ProtectedGateway([.named("hmac-auth", config)]) { entities in
            entities.hmacCredentials = [
                HMACCredential(
                    id: EntityID(high: 9, low: 9),
                    consumer: ProtectedGateway.annID,
                    username: "ann",
                    secret: "hush"
                )
            ]
        }
    }

    /// So many seconds from now, as a field shows it.
    private static func date(_ shift: Int = 0) -> String {
        var seconds = time(nil) + shift
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 64)
        strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
    }

    private static func authorization(
        _ signed: String,
        names: String = "date request-line",
        user: String = "ann",
        secret: String = "hush"
    ) -> String {
        let code = Array(signed.utf8).withUnsafeBytes {
            MessageCode.make(.sha256, key: Array(secret.utf8), $0)
        }
        return "Authorization: hmac username=\"\(user)\", algorithm=\"hmac-sha256\", "
            + "headers=\"\(names)\", signature=\"\(Base64.encode(code ?? []))\"\r\n"
    }

    /// The lines of a request for `/` that is signed well.
    private static func lines(_ shift: Int = 0, field: String = "date") -> String {
        let date = Self.date(shift)
        return "\(field): \(date)\r\n"
            + Self.authorization(
                "\(field): \(date)\nGET / HTTP/1.1",
                names: "\(field) request-line"
            )
    }

    @Test("lets a signed request pass by date or x-date, and tells the target who it is")
    func signed() throws {
        let gateway = try self.gateway()
        for field in ["date", "x-date"] {
            let answer = try #require(gateway.ask(Self.lines(field: field)))
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-consumer-username: ann\n"))
            #expect(
                answer.text.contains("x-credential-identifier: \(EntityID(high: 9, low: 9))\n")
            )
        }
    }

    @Test("answers 401 in Kong's words with a challenge")
    func refused() throws {
        let gateway = try self.gateway()
        let date = Self.date()
        let line = "date: \(date)\r\n"
        let signed = "date: \(date)\nGET / HTTP/1.1"
        let cases: [(String, String)] = [
            ("", "Unauthorized"),
            (line + "Authorization: hmac nonsense\r\n", "HMAC signature cannot be verified"),
            (
                line + Self.authorization(signed, user: "nobody"),
                "HMAC signature cannot be verified"
            ),
            (
                line + Self.authorization(signed, secret: "other"),
                "HMAC signature does not match"
            ),
            (
                line + Self.authorization("date: \(date)\nGET /b HTTP/1.1"),
                "HMAC signature does not match"
            ),
            (
                Self.authorization(signed),
                "HMAC signature cannot be verified, a valid date or x-date header is required "
                    + "for HMAC Authentication"
            ),
        ]
        for (lines, message) in cases {
            let answer = gateway.ask(lines)
            #expect(answer?.status == 401)
            #expect(answer?.text.contains("\"message\":\"\(message)\"") == true, "\(message)")
            #expect(answer?["www-authenticate"] == "hmac")
        }
        #expect(gateway.origin.messages.isEmpty)
    }

    @Test("takes clocks that differ by clock_skew, and none that differ by more")
    func skew() throws {
        let gateway = try self.gateway(["clock_skew": .integer(100)])
        for (shift, status) in [(-90, 200), (90, 200), (-120, 401), (120, 401)] {
            let answer = gateway.ask(Self.lines(shift))
            #expect(answer?.status == status, "\(shift)")
        }
        #expect(try self.gateway().ask(Self.lines(-120))?.status == 200)
    }

    @Test("asks for the fields of enforce_headers, and for algorithms that it may take")
    func enforced() throws {
        let gateway = try self.gateway(["enforce_headers": .strings("date", "host")])
        #expect(gateway.ask(Self.lines())?.status == 401)
        let date = Self.date()
        let lines =
            "date: \(date)\r\n"
            + Self.authorization(
                "date: \(date)\nhost: a\nGET / HTTP/1.1",
                names: "date host request-line"
            )
        #expect(gateway.ask(lines)?.status == 200)
        let strict = try self.gateway(["algorithms": .strings("hmac-sha512")])
        #expect(strict.ask(Self.lines())?.status == 401)
    }

    @Test("hides the signature where it is told to, and lets nobody in particular in")
    func others() throws {
        let shown = try self.gateway().ask(Self.lines())
        #expect(shown?.text.contains("authorization: hmac") == true)
        let hidden = try self.gateway(["hide_credentials": .bool(true)]).ask(Self.lines())
        #expect(hidden?.status == 200)
        #expect(hidden?.text.contains("authorization") == false)
        let guest = try self.gateway(["anonymous": .string("guest")]).ask()
        #expect(guest?.text.contains("x-anonymous-consumer: true\n") == true)
    }
}
