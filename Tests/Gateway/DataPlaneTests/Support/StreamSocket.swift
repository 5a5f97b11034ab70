import CMeshSystem
import Glibc
import Synchronization

/// A blocking TCP connection for tests; every read gives up after its deadline.
final class StreamSocket: Sendable {
    let descriptor: Int32
    private let buffer = Mutex<[UInt8]>([])

    init(descriptor: Int32, seconds: Int = 10) {
        self.descriptor = descriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    /// Connects to a port of the loopback.
    convenience init(port: UInt16) {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: port, family: 4)
        self.init(descriptor: mesh_connect(&address))
    }

    deinit { Glibc.close(self.descriptor) }

    /// Sends everything; `false` when the peer is gone.
    @discardableResult
    func send(_ text: String) -> Bool { self.send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                mesh_send(self.descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    func shutdownWrite() { _ = mesh_shutdown_write(self.descriptor) }

    func shutdown() { _ = Glibc.shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    /// Makes the close a reset.
    func reset() {
        mesh_reset_on_close(self.descriptor)
        var nothing = mesh_address()
        _ = mesh_local_address(self.descriptor, &nothing)
    }

    /// Reads some bytes more; `nil` at the end, after the deadline, or when broken.
    func receive(limit: Int = 65_536) -> [UInt8]? {
        let kept = self.buffer.withLock { buffer in
            let taken = Array(buffer.prefix(limit))
            buffer.removeFirst(taken.count)
            return taken
        }
        guard kept.isEmpty else { return kept }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = bytes.withUnsafeMutableBytes {
            mesh_receive(self.descriptor, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        return Array(bytes.prefix(count))
    }

    /// Reads exactly so many bytes; `nil` when they do not come.
    func receive(exactly count: Int) -> [UInt8]? {
        var result: [UInt8] = []
        while result.count < count {
            guard let more = self.receive(limit: count - result.count) else { return nil }
            result += more
        }
        return result
    }

    /// Reads through the first `mark`; `nil` when it does not come.
    func receive(through mark: String) -> String? {
        var result: [UInt8] = []
        let wanted = Array(mark.utf8)
        while let byte = self.receive(limit: 4_096) {
            result += byte
            guard let end = Self.end(of: wanted, in: result) else { continue }
            self.giveBack(Array(result[end...]))
            return String(decoding: result[..<end], as: UTF8.self)
        }
        return nil
    }

    /// Reads to the end of the connection.
    func receiveAll() -> [UInt8] {
        var result: [UInt8] = []
        while let more = self.receive() { result += more }
        return result
    }

    private func giveBack(_ bytes: [UInt8]) {
        self.buffer.withLock { $0 = bytes + $0 }
    }

    private static func end(of mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        for start in 0...(bytes.count - mark.count)
        where Array(bytes[start..<(start + mark.count)]) == mark {
            return start + mark.count
        }
        return nil
    }
}

/// A message read by a test: a request at the origin, or a response at the client.
struct TestMessage {
    let startLine: String
    let fields: [(name: String, value: String)]
    var body: [UInt8] = []

    var status: Int { Int(self.startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    var method: String { String(self.startLine.split(separator: " ").first ?? "") }
    var target: String { String(self.startLine.split(separator: " ").dropFirst().first ?? "") }
    var text: String { String(decoding: self.body, as: UTF8.self) }

    /// The value of a field, all of them joined when it is repeated.
    subscript(name: String) -> String? {
        let values = self.fields.filter { $0.name == name.lowercased() }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: "|")
    }

    init?(head: String) {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { return nil }
        self.startLine = String(lines.removeFirst())
        self.fields = lines.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count > 1 ? String(parts[1]) : ""
            return (parts[0].lowercased(), String(value.drop { $0 == " " }))
        }
    }
}

extension StreamSocket {
    /// Reads one message; interim responses are messages of their own.
    func message(hasBody: Bool = true) -> TestMessage? {
        guard let head = self.receive(through: "\r\n\r\n"), var message = TestMessage(head: head)
        else { return nil }
        let isBodyless =
            (100..<200).contains(message.status) || [204, 304].contains(message.status)
        guard hasBody, !isBodyless else { return message }
        if message["transfer-encoding"] == "chunked" {
            guard let body = self.chunks() else { return nil }
            message.body = body
        } else if let length = message["content-length"].flatMap({ Int($0) }) {
            guard let body = self.receive(exactly: length) else { return nil }
            message.body = body
        } else if message.startLine.hasPrefix("HTTP/") {
            message.body = self.receiveAll()
        }
        return message
    }

    private func chunks() -> [UInt8]? {
        var result: [UInt8] = []
        while let line = self.receive(through: "\r\n") {
            guard let size = Int(line.dropLast(1).prefix { $0 != ";" }, radix: 16) else {
                return nil
            }
            guard size > 0 else {
                while let trailer = self.receive(through: "\r\n") {
                    if trailer == "\r\n" { return result }
                }
                return nil
            }
            guard let chunk = self.receive(exactly: size), self.receive(exactly: 2) != nil else {
                return nil
            }
            result += chunk
        }
        return nil
    }
}
