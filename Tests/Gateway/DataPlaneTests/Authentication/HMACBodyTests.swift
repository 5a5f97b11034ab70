import CMeshSystem
import Foundation
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("hmac-auth with validate_request_body (Kong 3.9)")
struct HMACBodyTests {
    private static let body = "hello"

    private func gateway() throws -> ProtectedGateway {
        try ProtectedGateway(
            [Plugin.named("hmac-auth", ["validate_request_body": .bool(true)])]
        ) {
            $0.hmacCredentials = [
                HMACCredential(
                    id: EntityID(high: 11, low: 1),
                    consumer: ProtectedGateway.annID,
                    username: "ann",
                    secret: "hush"
                )
            ]
        }
    }

    /// What the `openssl` command makes of a text.
    private static func openssl(_ words: String, _ text: String) throws -> String {
        try Command.run(
            ["sh", "-c", "openssl dgst -sha256 \(words) -binary | openssl base64 -A"],
            input: text
        )
    }

    private static func ask(
        _ gateway: ProtectedGateway,
        digest: String?,
        body: String
    ) throws -> TestMessage? {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let seconds = Double(mesh_clock_wall_milliseconds()) / 1_000
        let date = format.string(from: Date(timeIntervalSince1970: seconds))
        let signed = "date: \(date)" + (digest.map { "\ndigest: \($0)" } ?? "")
        let code = try Self.openssl("-hmac hush", signed)
        let names = digest == nil ? "date" : "date digest"
        var lines = "Date: \(date)\r\n"
        if let digest { lines += "Digest: \(digest)\r\n" }
        lines += "Authorization: hmac username=\"ann\", algorithm=\"hmac-sha256\", "
        lines += "headers=\"\(names)\", signature=\"\(code)\"\r\n"
        return gateway.gateway.ask(
            "POST / HTTP/1.1\r\nHost: a\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    @Test("lets a body pass whose digest is told, and no body without one")
    func right() throws {
        let gateway = try self.gateway()
        let digest = "SHA-256=" + (try Self.openssl("", Self.body))
        #expect(try Self.ask(gateway, digest: digest, body: Self.body)?.status == 200)
        #expect(gateway.origin.messages.last?.text == Self.body)
        #expect(try Self.ask(gateway, digest: nil, body: "")?.status == 200)
    }

    @Test("answers 401 to a body with another digest, or with none, and asks no target")
    func wrong() throws {
        let gateway = try self.gateway()
        let digest = try Self.openssl("", Self.body)
        for (told, body) in [
            ("SHA-256=" + digest, "other"), (nil, Self.body), (digest, Self.body),
            ("SHA-256=" + digest, ""),
        ] {
            let answer = try Self.ask(gateway, digest: told, body: body)
            #expect(answer?.status == 401)
            #expect(answer?.text.contains("HMAC signature does not match") == true)
            #expect(answer?["www-authenticate"] == "hmac")
        }
        #expect(gateway.origin.requests.isEmpty)
    }
}
