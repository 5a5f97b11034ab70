internal import CMeshSystem
internal import Glibc
internal import MeshEntities
internal import MeshPlugins
internal import Synchronization

/// Threads that send what log plugins have queued: one for files, datagrams and the local daemon,
/// which never wait long, and some for connections, each of which sees to its share of the plugins.
///
/// They start with the first plugin they have something to do for. Nothing else waits for them: a
/// queue that is not emptied drops what has no room.
final class LogDelivery: Sendable {
    /// Threads in all; a dead endpoint holds up the plugins on its thread, none on the others.
    private static let laneCount = 9
    /// Microseconds between two looks at the queues.
    private static let interval: UInt32 = 20_000

    private struct State {
        var lanes = [[LogQueue]](repeating: [], count: LogDelivery.laneCount)
        var threads: [Int: ReactorThread] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())
    private let lost = Atomic<UInt64>(0)

    /// Entries that could not be sent.
    var lostEntries: UInt64 { self.lost.load(ordering: .relaxed) }

    /// Sees to these queues from now on; what waits in others is sent once more and then lost.
    func show(_ queues: [LogQueue]) {
        self.state.withLock { state in
            guard !state.isStopping else { return }
            state.lanes = .init(repeating: [], count: Self.laneCount)
            for queue in queues { state.lanes[Self.lane(of: queue)].append(queue) }
            for lane in state.lanes.indices
            where !state.lanes[lane].isEmpty && state.threads[lane] == nil {
                state.threads[lane] = startReactorThread(name: "mesh-log-\(lane)") {
                    self.run(lane)
                }
            }
        }
    }

    /// Ends the threads, which try once to send what waits; returns when they have ended.
    func stop() {
        let threads = self.state.withLock { state in
            state.isStopping = true
            defer { state.threads = [:] }
            return state.threads.values.map { $0 }
        }
        for thread in threads { thread.join() }
    }

    private static func lane(of queue: LogQueue) -> Int {
        switch queue.plan.target {
        case .file, .udp, .syslog: 0
        case .tcp, .http: 1 + Int(queue.plan.plugin.low % UInt64(Self.laneCount - 1))
        }
    }

    private func run(_ lane: Int) {
        var sinks: [ObjectIdentifier: any LogSink] = [:]
        while true {
            let (queues, isStopping) = self.state.withLock { ($0.lanes[lane], $0.isStopping) }
            let now = mesh_clock_nanoseconds() / 1_000_000
            let known = Set(queues.map(ObjectIdentifier.init))
            for (key, sink) in sinks where !known.contains(key) {
                self.note(sink.deliver(at: now, haste: .last))
                sinks[key] = nil
            }
            for queue in queues {
                let key = ObjectIdentifier(queue)
                let sink = sinks[key] ?? Self.makeSink(queue)
                sinks[key] = sink
                self.note(sink.deliver(at: now, haste: isStopping ? .last : .none))
            }
            if isStopping { return }
            usleep(Self.interval)
        }
    }

    private func note(_ lost: Int) {
        if lost > 0 { self.lost.wrappingAdd(UInt64(lost), ordering: .relaxed) }
    }

    private static func makeSink(_ queue: LogQueue) -> any LogSink {
        switch queue.plan.target {
        case .file(let path, let reopens): FileLogSink(queue, path: path, reopens: reopens)
        case .udp(let host, let port): DatagramLogSink(queue, host: host, port: port)
        case .tcp(let host, let port, let security, let milliseconds):
            StreamLogSink(
                queue,
                place: (host, port),
                security: security.flatMap(OutsideSecurity.init),
                milliseconds: milliseconds
            )
        case .http(let endpoint): HTTPLogSink(queue, endpoint)
        case .syslog(let rules): SyslogLogSink(queue, rules)
        }
    }
}

/// What sends the entries of one queue; used by one thread.
protocol LogSink: AnyObject {
    /// Sends what can be sent now, in milliseconds from any origin.
    ///
    /// - Returns: how many entries are lost.
    func deliver(at now: Int64, haste: LogHaste) -> Int
}

/// Whether a sink may come back to what it cannot send.
enum LogHaste {
    case none
    /// What cannot be sent now is lost.
    case last
}
