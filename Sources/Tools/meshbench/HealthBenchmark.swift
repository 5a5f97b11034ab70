import MeshHealth
import MeshPrimitives

/// Inputs of the health machine of one node of fifty that share 20,000 targets.
enum HealthBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        var state = Fleet()
        let answer = stopwatch.time("health.answered.20000") { repetitions in
            for _ in 0..<repetitions { state.observe(status: 200) }
            return state.effects
        }
        return [
            answer,
            stopwatch.time("health.failed.20000", over: answer) { repetitions in
                for _ in 0..<repetitions { state.observe(status: 503) }
                return state.effects
            },
            stopwatch.time("health.checked.20000", over: answer) { repetitions in
                for _ in 0..<repetitions { state.check() }
                return state.effects
            },
            stopwatch.time("health.accused.20000", over: answer) { repetitions in
                for _ in 0..<repetitions { state.accuse() }
                return state.effects
            },
            stopwatch.time("health.peers.20000", over: answer) { repetitions in
                for _ in 0..<repetitions { state.changePeers() }
                return state.effects
            },
        ]
    }

    /// A machine with all that it knows of others.
    private struct Fleet {
        var machine: HealthMachine
        var effects = 0
        private let targets: [HealthTarget]
        private let peers: [HealthPeer]
        private var now = MonotonicInstant(nanoseconds: 1)
        private var generator = SeededGenerator(seed: 5)
        private var number = 0
        private var waiting: [ProbeRequest] = []

        init() {
            self.peers = (0..<50).map {
                HealthPeer(id: NodeID(high: 1, low: $0 + 1), region: $0 % 2 == 0 ? "eu" : "us")
            }
            self.targets = (0..<20_000).map { number in
                let endpoint = Endpoint(address: .v4(UInt32(number)), port: 80)
                let upstream = "u\(number / 100)"
                return HealthTarget(
                    id: TargetID(upstream: upstream, target: "t\(number)", endpoint: endpoint),
                    upstream: upstream,
                    name: "t\(number)",
                    endpoint: endpoint,
                    region: number % 2 == 0 ? "eu" : "us"
                )
            }
            var settings = HealthSettings()
            settings.active.healthyInterval = .seconds(5)
            self.machine = HealthMachine(node: self.peers[0], timing: HealthTiming())
            _ = self.machine.setPeers(self.peers, at: self.now)
            _ = self.machine.configure(
                [HealthUpstream(settings: settings, targets: self.targets)],
                at: self.now
            )
            for peer in self.peers.dropFirst() {
                _ = self.machine.receive(self.report(of: 20), from: peer.id, at: self.now)
            }
        }

        private mutating func report(of count: Int) -> HealthReport {
            var report = HealthReport()
            for _ in 0..<count {
                let target = self.targets[self.generator.next(below: self.targets.count)]
                report.votes[target.id] = HealthVote(
                    stance: .suspect,
                    reason: .connectFailed,
                    isChecker: true,
                    failures: 1
                )
            }
            return report
        }

        mutating func observe(status: UInt16) {
            let target = self.targets[self.generator.next(below: self.targets.count)]
            var seen = TargetObservation(id: target.id)
            seen.statuses = [.init(status: status, count: 10)]
            self.now = self.now.advanced(by: .microseconds(50))
            self.effects &+= self.machine.observe([seen], at: self.now).count
        }

        /// One due check and its result; time moves on as fast as it takes to have one.
        mutating func check() {
            while self.waiting.isEmpty {
                self.now = self.now.advanced(by: .microseconds(500))
                for case .probe(let request) in self.machine.wake(at: self.now) {
                    self.waiting.append(request)
                }
            }
            let request = self.waiting.removeLast()
            let result = ProbeResult(
                id: request.id,
                sequence: request.sequence,
                outcome: .connected,
                latency: .milliseconds(1)
            )
            self.effects &+= self.machine.finished(result, at: self.now).count
        }

        /// A peer's report in which one vote has changed.
        mutating func accuse() {
            self.number += 1
            let peer = self.peers[1 + self.number % 49]
            self.now = self.now.advanced(by: .microseconds(50))
            let report = self.report(of: 1)
            self.effects &+= self.machine.receive(report, from: peer.id, at: self.now).count
        }

        /// A peer leaves or comes back; the rest of the work follows by wakes.
        mutating func changePeers() {
            self.number += 1
            let peers = self.number % 2 == 0 ? self.peers : Array(self.peers.dropLast())
            self.now = self.now.advanced(by: .microseconds(50))
            self.effects &+= self.machine.setPeers(peers, at: self.now).count
        }
    }
}
