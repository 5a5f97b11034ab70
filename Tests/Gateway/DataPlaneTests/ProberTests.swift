import CMeshSystem
import Glibc
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
            return self.outcomes
        }

        /// Waits without what suspension needs: descriptors.
        func waitBlocking(_ count: Int) -> [UInt64: ProbeResult.Outcome] {
            for _ in 0..<1_000 where self.outcomes.count < count { usleep(5_000) }
            return self.outcomes
        }

        private var outcomes: [UInt64: ProbeResult.Outcome] {
            self.all.withLock { all in
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
            id: TargetID(rawValue: sequence),
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

    @Test("gives every check its whole time, however long it waited for its turn")
    func timeRunsFromTheStart() async throws {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let silent = mesh_listen(&address, 1_024, 1)
        _ = mesh_local_address(silent, &address)
        defer { close(silent) }
        let origin = Origin.answering { _ in "HTTP/1.1 200 OK\r\n\r\n" }
        let results = Results()
        let prober = Prober { results.add($0) }
        try prober.start()

        let timeout = Duration.milliseconds(300)
        for sequence in 0..<256 {
            let port = address.port
            prober.submit(self.request(UInt64(sequence), port, self.http("/"), timeout: timeout))
        }
        prober.submit(self.request(256, origin.port, self.http("/"), timeout: timeout))
        let outcomes = await results.wait(257)
        prober.stop()

        #expect(outcomes[256] == .status(200))
        #expect(outcomes.values.count { $0 == .timedOut } == 256)
    }

    @Test("lets a newer check of a target take the place of one that waits")
    func replacesWaiting() {
        var queue = ProbeQueue()
        let check = ProbeRequest.Check.tcp
        #expect(queue.add(self.request(1, 80, check)) == nil)
        #expect(queue.add(self.request(2, 80, check)) == nil)
        let newer = ProbeRequest(
            id: TargetID(rawValue: 1),
            sequence: 9,
            endpoint: Endpoint(address: .v4(0x7F00_0001), port: 80),
            check: check,
            timeout: .seconds(1)
        )
        #expect(queue.add(newer)?.sequence == 1)
        #expect(queue.take()?.sequence == 9)
        #expect(queue.take()?.sequence == 2)
        #expect(queue.take() == nil)
    }

    @Test("keeps a bounded number of targets waiting")
    func boundsWaiting() {
        var queue = ProbeQueue()
        for sequence in 0..<UInt64(ProbeQueue.limit) {
            #expect(queue.add(self.request(sequence, 80, .tcp)) == nil)
        }
        #expect(queue.add(self.request(99_999, 80, .tcp))?.sequence == 99_999)
        var taken: UInt64 = 0
        while let request = queue.take() {
            #expect(request.sequence == taken)
            taken += 1
        }
        #expect(taken == UInt64(ProbeQueue.limit))
        #expect(queue.isEmpty)
    }

    @Test("does not take want of descriptors here for a fault of the target")
    func exhaustion() async {
        await #expect(processExitsWith: .success) {
            let origin = Origin.answering { _ in "HTTP/1.1 200 OK\r\n\r\n" }
            let results = Results()
            let prober = Prober { results.add($0) }
            try prober.start()
            let tests = ProberTests()
            var usual = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual)
            var none = rlimit(rlim_cur: 1, rlim_max: usual.rlim_max)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            prober.submit(tests.request(1, origin.port, .tcp))
            let without = results.waitBlocking(1)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual)
            prober.submit(tests.request(2, origin.port, .tcp))
            let with = results.waitBlocking(2)
            prober.stop()
            guard without[1] == .notCarriedOut, with[2] == .connected else { exit(1) }
        }
    }
}
