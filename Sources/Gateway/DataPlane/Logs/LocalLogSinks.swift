internal import CMeshSystem
internal import Glibc
internal import MeshPlugins

/// Most entries that are taken at once.
private let takeLimit = 1_000

/// Appends lines to a file.
final class FileLogSink: LogSink {
    private let queue: LogQueue
    private let path: String
    private let reopens: Bool
    private var descriptor: Int32 = -1

    init(_ queue: LogQueue, path: String, reopens: Bool) {
        self.queue = queue
        self.path = path
        self.reopens = reopens
    }

    deinit { self.close() }

    func deliver(at now: Int64, haste: LogHaste) -> Int {
        var lost = 0
        while true {
            let entries = self.queue.take(takeLimit)
            guard !entries.isEmpty else { return lost }
            if self.reopens { self.close() }
            if self.descriptor < 0 {
                self.descriptor = open(self.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
            }
            var bytes: [UInt8] = []
            for entry in entries { bytes += entry.text + [0x0A] }
            // A full disk, or a folder that is not there, loses lines and no requests.
            if !self.write(bytes) {
                lost += entries.count
                self.close()
            }
        }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        guard self.descriptor >= 0 else { return false }
        return bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Glibc.write(self.descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return true
        }
    }

    private func close() {
        if self.descriptor >= 0 { Glibc.close(self.descriptor) }
        self.descriptor = -1
    }
}

/// Sends one datagram per entry; what does not fit in one is lost.
final class DatagramLogSink: LogSink {
    /// Milliseconds after which a name is looked up again.
    private static let resolution: Int64 = 30_000

    private let queue: LogQueue
    private let host: String
    private let port: UInt16
    private var descriptor: Int32 = -1
    private var resolvedAt: Int64 = 0

    init(_ queue: LogQueue, host: String, port: UInt16) {
        self.queue = queue
        self.host = host
        self.port = port
    }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }

    func deliver(at now: Int64, haste: LogHaste) -> Int {
        var lost = 0
        while true {
            let entries = self.queue.take(takeLimit)
            guard !entries.isEmpty else { return lost }
            self.connect(at: now)
            for entry in entries where !self.send(entry.text) { lost += 1 }
        }
    }

    private func connect(at now: Int64) {
        guard self.descriptor < 0 || now - self.resolvedAt > Self.resolution else { return }
        if self.descriptor >= 0 { close(self.descriptor) }
        self.descriptor = -1
        guard var address = OutsideConnection.resolve(self.host, self.port) else { return }
        self.resolvedAt = now
        self.descriptor = mesh_datagrams_to(&address)
    }

    private func send(_ text: [UInt8]) -> Bool {
        guard self.descriptor >= 0 else { return false }
        // The first try may meet what became of an earlier datagram.
        for _ in 0..<2 where mesh_send(self.descriptor, text, text.count) >= 0 { return true }
        return false
    }
}

/// Tells the local daemon, each answer with the severity that its status has.
final class SyslogLogSink: LogSink {
    private let queue: LogQueue
    private let rules: SyslogRules
    private var sockets: [Int: SyslogSocket] = [:]

    init(_ queue: LogQueue, _ rules: SyslogRules) {
        self.queue = queue
        self.rules = rules
    }

    func deliver(at now: Int64, haste: LogHaste) -> Int {
        var lost = 0
        while true {
            let entries = self.queue.take(takeLimit)
            guard !entries.isEmpty else { return lost }
            for entry in entries {
                guard let severity = self.rules.severity(of: entry.status) else { continue }
                if !self.socket(severity).tell(entry.text) { lost += 1 }
            }
        }
    }

    private func socket(_ severity: Int) -> SyslogSocket {
        if let known = self.sockets[severity] { return known }
        var target = SyslogTarget(server: .unix(path: "/dev/log"))
        target.facility = self.rules.facility / 8
        target.severity = severity
        target.tag = "kong"
        let socket = SyslogSocket(target)
        self.sockets[severity] = socket
        return socket
    }
}
