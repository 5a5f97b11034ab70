internal import CMeshSystem
internal import Glibc
internal import Synchronization

/// Bytes on their way from one worker to the log writer: one writes, one reads, nobody waits.
final class LogRing: Sendable {
    /// Bytes that fit; a power of two.
    static let capacity = 1 << 20
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let written = Atomic<Int>(0)
    private let read = Atomic<Int>(0)

    init() { self.base = .allocate(byteCount: Self.capacity, alignment: 64) }

    deinit { self.base.deallocate() }

    /// Adds one whole line; `false` when there is no room.
    ///
    /// Worker thread only.
    func append(_ line: UnsafeRawBufferPointer) -> Bool {
        let end = self.written.load(ordering: .relaxed)
        let start = self.read.load(ordering: .acquiring)
        guard let source = line.baseAddress, end - start + line.count <= Self.capacity else {
            return false
        }
        let offset = end & (Self.capacity - 1)
        let first = min(line.count, Self.capacity - offset)
        (self.base + offset).copyMemory(from: source, byteCount: first)
        self.base.copyMemory(from: source + first, byteCount: line.count - first)
        self.written.store(end + line.count, ordering: .releasing)
        return true
    }

    /// Writes what is there to a descriptor.
    ///
    /// Writer thread only.
    func flush(to descriptor: Int32) {
        let end = self.written.load(ordering: .acquiring)
        var start = self.read.load(ordering: .relaxed)
        while start < end {
            let offset = start & (Self.capacity - 1)
            let count = min(end - start, Self.capacity - offset)
            let result = write(descriptor, self.base + offset, count)
            if result < 0 && errno == EINTR { continue }
            // A full disk loses lines, not requests.
            start += result > 0 ? result : count
            self.read.store(start, ordering: .releasing)
        }
    }
}

/// One thread that writes the access log of all workers, so that no worker waits for a disk.
final class AccessLogWriter: Sendable {
    private let rings: [LogRing]
    private let descriptor: Int32
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<ReactorThread?>(nil)

    /// How often lines are written.
    private static let interval: UInt32 = 50_000

    init(sink: AccessLogSink, rings: Int) throws(DataPlaneError) {
        self.rings = (0..<rings).map { _ in LogRing() }
        switch sink {
        case .standardOutput: self.descriptor = STDOUT_FILENO
        case .file(let path):
            let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
            guard opened >= 0 else { throw .cannotOpenLog(path: path, errno: errno) }
            self.descriptor = opened
        case .syslog(let target):
            throw .cannotOpenLog(path: "syslog:\(target)", errno: ENOTSUP)
        }
    }

    deinit { if self.descriptor != STDOUT_FILENO { close(self.descriptor) } }

    func ring(_ worker: Int) -> LogRing { self.rings[worker] }

    func start() {
        let thread = startReactorThread(name: "mesh-log") {
            while !self.isStopping.load(ordering: .acquiring) {
                for ring in self.rings { ring.flush(to: self.descriptor) }
                usleep(Self.interval)
            }
        }
        self.thread.withLock { $0 = thread }
    }

    /// Ends the thread and writes what is left; the workers must have ended.
    func stop() {
        self.isStopping.store(true, ordering: .releasing)
        self.thread.withLock { $0 }?.join()
        for ring in self.rings { ring.flush(to: self.descriptor) }
    }
}
