import Glibc
import MeshEntities
import MeshHTTP
import MeshHealth
import MeshPrimitives
import MeshTLS
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A prober over TLS and HTTP/2")
struct SecureProberTests {
    private let certificate: TLSCertificate.SelfSigned

    init() throws {
        self.certificate = try #require(
            TLSCertificate.selfSigned(keyType: .ecdsa, now: time(nil) - 60)
        )
    }

    /// What checks of one port tell, in order.
    private func outcomes(
        _ checks: [(port: UInt16, check: ProbeRequest.Check)]
    ) async throws -> [ProbeResult.Outcome?] {
        let results = Mutex<[UInt64: ProbeResult.Outcome]>([:])
        let prober = Prober { result in results.withLock { $0[result.sequence] = result.outcome } }
        try prober.start()
        for (index, (port, check)) in checks.enumerated() {
            prober.submit(
                ProbeRequest(
                    id: TargetID(rawValue: UInt64(index)),
                    sequence: UInt64(index),
                    endpoint: Endpoint(address: .v4(0x7F00_0001), port: port),
                    check: check,
                    timeout: .seconds(5)
                )
            )
        }
        let end = ContinuousClock.now.advanced(by: .seconds(8))
        while results.withLock({ $0.count }) < checks.count, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        prober.stop()
        return results.withLock { seen in (0..<UInt64(checks.count)).map { seen[$0] } }
    }

    /// A gateway that ends TLS in front of an origin, as a target of checks.
    private func secured(
        _ origin: Origin,
        _ change: (inout Service, inout Route) -> Void = { _, _ in }
    ) throws -> (gateway: Gateway, port: UInt16) {
        let gateway = try Gateway(TestEntities.proxying([origin.port], change: change)) {
            let anyPort = Endpoint(address: .v4(0x7F00_0001), port: 0)
            $0.tlsListen = [ListenAddress(anyPort)]
            $0.tls.defaultCertificate = CertificateText(
                certificate: self.certificate.certificate,
                key: self.certificate.key
            )
        }
        return (gateway, try #require(gateway.plane.boundEndpoints.last?.port))
    }

    private func https(verifies: Bool, certificate: String? = nil) -> ProbeRequest.Check {
        .https(
            path: "/ready",
            host: "localhost",
            headers: [],
            tls: ProbeTLS(
                serverName: "localhost",
                verifies: verifies,
                clientCertificate: certificate
            )
        )
    }

    @Test("asks over TLS, and trusts a stranger's certificate only where told not to look")
    func overTLS() async throws {
        let origin = Origin.answering { request in
            guard request.target == "/ready" else { return nil }
            return "HTTP/1.1 204 Fine\r\n\r\n"
        }
        let target = try self.secured(origin)
        let plain = Origin { _, socket, _ in
            _ = socket.receive()
            socket.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        let outcomes = try await self.outcomes([
            (target.port, self.https(verifies: false)),
            (target.port, self.https(verifies: true)),
            (plain.port, self.https(verifies: false)),
            (target.port, self.https(verifies: false, certificate: "unknown")),
        ])
        #expect(outcomes == [.status(204), .broken, .broken, .notCarriedOut])
    }

    @Test("calls the health service of gRPC", arguments: [false, true])
    func grpc(isSecure: Bool) async throws {
        let cases: [(HealthServer.Answer, ProbeResult.Outcome)] = [
            (.serving, .status(200)), (.notServing, .status(503)), (.unimplemented, .status(501)),
            (.unavailable, .status(503)),
        ]
        for (answer, expected) in cases {
            let origin = HealthServer.origin(answer)
            guard isSecure else {
                let check = ProbeRequest.Check.grpc(host: "localhost", tls: nil)
                #expect(try await self.outcomes([(origin.port, check)]) == [expected])
                continue
            }
            let target = try self.secured(origin) { service, route in
                service.protocol = .grpc
                route.protocols = [.grpcs]
                route.stripPath = false
            }
            let tls = ProbeTLS(serverName: "localhost", verifies: false)
            let check = ProbeRequest.Check.grpc(host: "localhost", tls: tls)
            let seen = try await self.outcomes([(target.port, check)])
            #expect(seen == [expected], "\(answer)")
        }
    }

    @Test("takes a server that speaks another protocol for broken")
    func notGRPC() async throws {
        let origin = Origin.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        let nonsense = Origin { _, socket, _ in
            _ = socket.receive()
            socket.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        let check = ProbeRequest.Check.grpc(host: "localhost", tls: nil)
        let outcomes = try await self.outcomes([(origin.port, check), (nonsense.port, check)])
        #expect(outcomes == [.broken, .broken])
    }
}

/// A gRPC server with a health service, as an origin.
private enum HealthServer {
    enum Answer: Sendable {
        case serving
        case notServing
        case unimplemented
        case unavailable
    }

    static func origin(_ answer: Answer) -> Origin {
        Origin { _, socket, _ in
            guard let session = HTTP2Session(role: .server) else { return }
            while let bytes = socket.receive() {
                _ = bytes.withUnsafeBytes { session.receive($0, now: 0) }
                while let event = session.nextEvent() {
                    guard case .end = event.kind else { continue }
                    Self.answer(answer, event.stream, of: session)
                }
                let output = Array(session.output)
                session.dropOutput(output.count)
                guard socket.send(output) else { return }
            }
        }
    }

    private static func answer(_ answer: Answer, _ stream: Int32, of session: HTTP2Session) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
        let message: [UInt8]
        switch answer {
        case .serving: message = [0, 0, 0, 0, 2, 8, 1]
        case .notServing: message = [0, 0, 0, 0, 2, 8, 2]
        case .unimplemented, .unavailable:
            let status = answer == .unimplemented ? 12 : 14
            let whole = Array((head + "grpc-status: \(status)\r\n\r\n").utf8)
            _ = whole.withUnsafeBytes {
                session.submitResponse(on: stream, head: $0, endsStream: true)
            }
            return
        }
        _ = Array((head + "\r\n").utf8).withUnsafeBytes {
            session.submitResponse(on: stream, head: $0, endsStream: false)
        }
        _ = message.withUnsafeBytes { session.send($0, on: stream, endsStream: false) }
        _ = Array("grpc-status: 0\r\n".utf8).withUnsafeBytes {
            session.sendTrailers($0, on: stream)
        }
    }
}
