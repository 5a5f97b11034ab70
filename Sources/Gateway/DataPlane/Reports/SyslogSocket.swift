internal import CMeshSystem
internal import Glibc
internal import MeshHTTP

/// A syslog daemon that gets one datagram per line.
///
///     <190>Nov  6 09:05:01 host meshgate: line
///
/// Local time and the machine's name, as nginx writes it (RFC 3164 section 4.1). Nothing waits for
/// the daemon: lines that a local one has no room for stay in their ring, and those that cannot
/// reach it are lost, as syslog loses them.
final class SyslogSocket {
    /// Most bytes of one message: a datagram of UDP over IPv4.
    private static let limit = 65_507

    private let target: SyslogTarget
    private let host: String
    private let message: UnsafeMutableRawBufferPointer
    private let line: UnsafeMutableRawBufferPointer
    private var descriptor: Int32 = -1
    private var headCount = 0
    private var headSecond = -1

    init(_ target: SyslogTarget) {
        self.target = target
        self.message = .allocate(byteCount: Self.limit, alignment: 64)
        self.line = .allocate(byteCount: Self.limit, alignment: 64)
        self.host = Self.hostName
    }

    /// What this machine is called.
    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let text = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: text, as: UTF8.self)
    }

    deinit {
        self.disconnect()
        self.message.deallocate()
        self.line.deallocate()
    }

    /// Sends the lines of a ring, as far as the daemon has room.
    func write(_ ring: LogRing) {
        ring.flushLines(through: self.line) { self.send($0) }
    }

    /// Sends one line; `false` when it cannot be sent now.
    func tell(_ line: [UInt8]) -> Bool {
        line.withUnsafeBytes { self.send($0) } && self.descriptor >= 0
    }

    /// `false` when the daemon has no room now.
    private func send(_ line: UnsafeRawBufferPointer) -> Bool {
        self.writeHead()
        let count = min(line.count, Self.limit - self.headCount)
        let room = UnsafeMutableRawBufferPointer(rebasing: self.message[self.headCount...])
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: line[..<count]))
        // The first try may meet what became of an earlier message, or of a daemon begun anew.
        for _ in 0..<2 {
            guard self.connect() else { return true }
            let size = self.headCount + count
            let sent = mesh_send(self.descriptor, self.message.baseAddress, size)
            if sent >= 0 { return true }
            if sent == -Int(EAGAIN) || sent == -Int(ENOBUFS) { return false }
            if sent == -Int(EMSGSIZE) { return true }
            self.disconnect()
        }
        return true
    }

    private func connect() -> Bool {
        guard self.descriptor < 0 else { return true }
        switch self.target.server {
        case .udp(let endpoint):
            var address = SocketAddress.encode(endpoint)
            self.descriptor = mesh_datagrams_to(&address)
        case .unix(let path): self.descriptor = mesh_datagrams_to_path(path)
        }
        return self.descriptor >= 0
    }

    private func disconnect() {
        if self.descriptor >= 0 { close(self.descriptor) }
        self.descriptor = -1
    }

    private func writeHead() {
        var now = time(nil)
        guard now != self.headSecond else { return }
        self.headSecond = now
        var parts = tm()
        localtime_r(&now, &parts)
        var writer = HeadWriter(self.message)
        writer.write("<")
        writer.write(decimal: UInt64(self.target.priority))
        writer.write(">")
        writer.write(Self.month(parts.tm_mon))
        writer.write(parts.tm_mday < 10 ? "  " : " ")
        writer.write(decimal: UInt64(max(1, parts.tm_mday)))
        for (mark, number) in [(" ", parts.tm_hour), (":", parts.tm_min), (":", parts.tm_sec)]
            as [(StaticString, Int32)]
        {
            writer.write(mark)
            if number < 10 { writer.write("0") }
            writer.write(decimal: UInt64(max(0, number)))
        }
        for text in [" \(self.host) ", self.target.tag, ": "] {
            Array(text.utf8).withUnsafeBytes { writer.write($0) }
        }
        self.headCount = writer.written?.count ?? 0
    }

    private static func month(_ index: Int32) -> StaticString {
        switch index {
        case 0: "Jan"
        case 1: "Feb"
        case 2: "Mar"
        case 3: "Apr"
        case 4: "May"
        case 5: "Jun"
        case 6: "Jul"
        case 7: "Aug"
        case 8: "Sep"
        case 9: "Oct"
        case 10: "Nov"
        default: "Dec"
        }
    }
}
