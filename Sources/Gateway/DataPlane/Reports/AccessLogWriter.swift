internal import CMeshSystem
internal import Glibc
internal import Synchronization

/// One thread that writes the access log of all workers, so that no worker waits for a disk or a
/// daemon.
final class AccessLogWriter: Sendable {
    private let sink: AccessLogSink
    private let rings: [LogRing]
    /// Opened by ``reopen()`` and not taken up yet, or -1.
    private let next = Atomic<Int32>(-1)
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<ReactorThread?>(nil)
    /// Used by one thread at a time: the writer's, and after its end whoever stops it.
    private nonisolated(unsafe) var outlet: LogOutlet

    /// How often lines are written, in microseconds.
    private static let interval: UInt32 = 50_000

    init(sink: AccessLogSink, rings: Int) throws(DataPlaneError) {
        self.sink = sink
        self.rings = (0..<rings).map { _ in LogRing() }
        switch sink {
        case .standardOutput: self.outlet = .descriptor(STDOUT_FILENO)
        case .file(let path): self.outlet = .descriptor(try Self.open(path))
        case .syslog(let target): self.outlet = .syslog(SyslogSocket(target))
        }
    }

    deinit {
        if case .file = self.sink, case .descriptor(let descriptor) = self.outlet {
            close(descriptor)
        }
        let waiting = self.next.load(ordering: .acquiring)
        if waiting >= 0 { close(waiting) }
    }

    private static func open(_ path: String) throws(DataPlaneError) -> Int32 {
        let opened = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard opened >= 0 else { throw .cannotOpenLog(path: path, errno: errno) }
        return opened
    }

    func ring(_ worker: Int) -> LogRing { self.rings[worker] }

    /// Lines that could not be written.
    var lostLines: UInt64 {
        self.rings.reduce(0) { $0 &+ $1.lostLines.load(ordering: .relaxed) }
    }

    func start() {
        let thread = startReactorThread(name: "mesh-log") {
            while !self.isStopping.load(ordering: .acquiring) {
                self.write()
                usleep(Self.interval)
            }
        }
        self.thread.withLock { $0 = thread }
    }

    /// Opens the log's file again under its name; lines go to it within 50 ms.
    ///
    /// Other sinks have nothing to open.
    ///
    /// - Throws: ``DataPlaneError/cannotOpenLog(path:errno:)``; the file before stays in use.
    func reopen() throws(DataPlaneError) {
        guard case .file(let path) = self.sink else { return }
        let unused = self.next.exchange(try Self.open(path), ordering: .acquiringAndReleasing)
        if unused >= 0 { close(unused) }
    }

    /// Ends the thread and writes what is left; the workers must have ended.
    func stop() {
        self.isStopping.store(true, ordering: .releasing)
        self.thread.withLock { $0 }?.join()
        self.write()
    }

    private func write() {
        self.takeNext()
        for ring in self.rings { self.outlet.write(ring) }
    }

    /// Goes on in the file that was opened last.
    private func takeNext() {
        let next = self.next.exchange(-1, ordering: .acquiringAndReleasing)
        guard next >= 0, case .descriptor(let before) = self.outlet else { return }
        self.outlet = .descriptor(next)
        close(before)
    }
}

/// What lines are written to.
private enum LogOutlet {
    case descriptor(Int32)
    case syslog(SyslogSocket)

    func write(_ ring: LogRing) {
        switch self {
        case .descriptor(let descriptor):
            ring.flush { bytes in
                while true {
                    let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                    if count < 0, errno == EINTR { continue }
                    if count > 0 { return count }
                    // A full disk loses lines, not requests.
                    let lines = bytes.reduce(UInt64(0)) { $0 + ($1 == 0x0A ? 1 : 0) }
                    ring.lostLines.wrappingAdd(lines, ordering: .relaxed)
                    return bytes.count
                }
            }
        case .syslog(let socket): socket.write(ring)
        }
    }
}
