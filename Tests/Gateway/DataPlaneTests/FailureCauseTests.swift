import Glibc
import MeshEntities
import MeshHealth
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("The log of a failure names whose doing it was")
struct FailureCauseTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// The status, the log line and what was reported of targets, for one request.
    private func outcome(
        _ ports: [UInt16],
        _ request: String? = nil,
        change: (inout Service, inout Route) -> Void = { _, _ in },
        configure: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) async throws -> (answer: TestMessage?, line: String, gateway: Gateway) {
        let log = AccessLogFile()
        let gateway = try Gateway(TestEntities.proxying(ports, change: change)) { configuration in
            configuration.accessLog = log.sink
            configure(&configuration)
        }
        let answer = gateway.ask(request ?? self.get)
        return (answer, await log.line(), gateway)
    }

    @Test("refused")
    func refused() async throws {
        let outcome = try await self.outcome([Origin.deadPort()])

        #expect(outcome.answer?.status == 502)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"refused\"}"))
        #expect(outcome.line.contains("\"status\":502"))
    }

    @Test("reset")
    func reset() async throws {
        let origin = Origin { _, socket, _ in
            _ = socket.receive(through: "\r\n\r\n")
            socket.reset()
        }
        let outcome = try await self.outcome(
            [origin.port],
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )

        #expect(outcome.answer?.status == 502)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"reset\"}"))
    }

    @Test("malformed")
    func malformed() async throws {
        let origin = Origin.answering { _ in "nonsense\r\n\r\n" }
        let outcome = try await self.outcome([origin.port])

        #expect(outcome.answer?.status == 502)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"malformed\"}"))
    }

    @Test("read_timeout")
    func timeout() async throws {
        let origin = Origin { _, socket, _ in
            _ = socket.message()
            _ = socket.receive()
        }
        let outcome = try await self.outcome([origin.port]) { service, _ in
            service.readTimeout = 50
            service.retries = 0
        }

        #expect(outcome.answer?.status == 504)
        #expect(
            outcome.line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"read_timeout\"}")
        )
    }

    @Test("no_target is the gateway's")
    func noTarget() async throws {
        let outcome = try await self.outcome([])

        #expect(outcome.answer?.status == 503)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"gateway\",\"cause\":\"no_target\"}"))
    }

    @Test("timeout of a body is the client's, and no evidence (RFC 9110 15.5.9)")
    func slowBody() async throws {
        let origin = Origin.saying("ok")
        let outcome = try await self.outcome(
            [origin.port],
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
            configure: { $0.bodyProgressTimeout = .milliseconds(150) }
        )

        #expect(outcome.answer?.status == 408)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"client\",\"cause\":\"timeout\"}"))
        #expect(outcome.gateway.log.values.allSatisfy { $0.transportFailures == 0 })
    }

    @Test("malformed_request within a body is the client's (RFC 9112 7.1)")
    func malformedBody() async throws {
        let origin = Origin.saying("ok")
        let outcome = try await self.outcome(
            [origin.port],
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        )

        #expect(outcome.answer?.status == 400)
        #expect(
            outcome.line.contains(
                "\"error\":{\"owner\":\"client\",\"cause\":\"malformed_request\"}"
            )
        )
    }

    @Test("too_large is the client's (RFC 9110 15.5.14)")
    func tooLarge() async throws {
        let origin = Origin.saying("ok")
        let outcome = try await self.outcome(
            [origin.port],
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901",
            configure: { $0.maximumBodyByteCount = 10 }
        )

        #expect(outcome.answer?.status == 413)
        #expect(outcome.line.contains("\"error\":{\"owner\":\"client\",\"cause\":\"too_large\"}"))
        #expect(origin.connections == 0)
    }

    @Test("nothing at all of a request that went well")
    func success() async throws {
        let outcome = try await self.outcome([Origin.saying("ok").port])

        #expect(outcome.line.contains("\"status\":200"))
        #expect(!outcome.line.contains("\"error\""))
        #expect(!outcome.line.contains("\"cut\""))
    }

    @Test("exhausted, and no target is accused, when this process has no descriptor left")
    func ownExhaustion() async throws {
        // In a process of its own, since the limit is the process's.
        await #expect(processExitsWith: .success) {
            let log = AccessLogFile()
            let origin = Origin.saying("ok")
            let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
                configuration.accessLog = log.sink
            }
            let client = gateway.connect()
            // The worker has accepted the client before descriptors run out.
            client.send("GET /first HTTP/1.1\r\nHost: b\r\n")
            let isAccepted = await eventually {
                gateway.plane.counters().activeConnections == 1
            }
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let wanted = limit.rlim_cur
            let lowest = dup(0)
            close(lowest)
            limit.rlim_cur = rlim_t(lowest)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            client.send("\r\n")
            let refused = client.message()
            limit.rlim_cur = wanted
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            client.send("GET /second HTTP/1.1\r\nHost: b\r\n\r\n")
            let served = client.message()
            let lines = await log.lines(2)

            #expect(isAccepted)
            #expect(refused?.status == 503)
            #expect(served?.text == "ok")
            #expect(lines.first?.contains("\"owner\":\"gateway\",\"cause\":\"exhausted\"") == true)
            #expect(gateway.log.values.allSatisfy { $0.transportFailures == 0 })
        }
    }
}
