import MeshHealth
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A prober")
struct ProberTests {
    private final class Results: Sendable {
        private let all = Mutex<[ProbeResult]>([])
        func add(_ result: ProbeResult) { self.all.withLock { $0.append(result) } }

        func wait(_ count: Int) async -> [UInt64: ProbeResult.Outcome] {
            let end = ContinuousClock.now.advanced(by: .seconds(5))
            while self.all.withLock({ $0.count }) < count, ContinuousClock.now < end {
                try? await Task.sleep(for: .milliseconds(5))
            }
            return self.all.withLock { all in
                Dictionary(all.map { ($0.sequence, $0.outcome) }, uniquingKeysWith: { $1 })
            }
        }
    }

    private func request(
        _ sequence: UInt64,
        _ port: UInt16,
        _ check: ProbeRequest.Check,
        timeout: Duration = .seconds(5)
    ) -> ProbeRequest {
        ProbeRequest(
            id: TargetID(rawValue: 1),
            sequence: sequence,
            endpoint: Endpoint(address: .v4(0x7F00_0001), port: port),
            check: check,
            timeout: timeout
        )
    }

    private func http(_ path: String) -> ProbeRequest.Check {
        .http(path: path, host: "origin.example", headers: [ProbeField(name: "X-A", value: "b")])
    }

    @Test("tells apart statuses, open ports, refusals, silence and nonsense")
    func outcomes() async throws {
        let origin = Origin.answering { request in
            guard request["host"] == "origin.example", request["connection"] == "close",
                request["x-a"] == "b", request.startLine.hasSuffix("HTTP/1.1")
            else { return nil }
            switch request.target {
            case "/ok": return "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n"
            case "/bad": return "HTTP/1.0 503 No\r\n\r\n"
            case "/nonsense": return "SSH-2.0\r\n\r\n"
            default: return nil
            }
        }
        let silent = Origin { _, socket, _ in _ = socket.receive(through: "never") }
        let results = Results()
        let prober = Prober { results.add($0) }
        try prober.start()

        prober.submit(self.request(1, origin.port, self.http("/ok")))
        prober.submit(self.request(2, origin.port, self.http("/bad")))
        prober.submit(self.request(3, origin.port, self.http("/nonsense")))
        prober.submit(self.request(4, origin.port, self.http("/closed")))
        prober.submit(self.request(5, origin.port, .tcp))
        prober.submit(self.request(6, Origin.deadPort(), .tcp))
        prober.submit(
            self.request(7, silent.port, self.http("/"), timeout: .milliseconds(50))
        )
        let outcomes = await results.wait(7)
        prober.stop()

        #expect(outcomes[1] == .status(204))
        #expect(outcomes[2] == .status(503))
        #expect(outcomes[3] == .broken)
        #expect(outcomes[4] == .broken)
        #expect(outcomes[5] == .connected)
        #expect(outcomes[6] == .connectFailed)
        #expect(outcomes[7] == .timedOut)
    }

    @Test("answers every request, however many are asked for at once")
    func queues() async throws {
        let origin = Origin.answering { _ in "HTTP/1.1 200 OK\r\n\r\n" }
        let results = Results()
        let prober = Prober { results.add($0) }
        try prober.start()

        for sequence in 0..<600 {
            prober.submit(self.request(UInt64(sequence), origin.port, .tcp))
        }
        let outcomes = await results.wait(600)
        prober.stop()

        #expect(outcomes.count == 600)
        #expect(outcomes.values.allSatisfy { $0 == .connected })
    }
}
