import Glibc

/// A supervisor's end of `sd_notify`: what came, and how many descriptors were stored.
@LoopbackActor
final class NotifyReceiver {
    let path: String
    private let descriptor: Int32
    private var received: [String] = []
    private(set) var stored: [String: Int] = [:]

    /// Listens at a path.
    init(_ path: String) throws {
        self.path = path
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        self.descriptor = socket(AF_UNIX, type, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw TestFailure("\(path) is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, length)
            }
        }
        guard result == 0 else { throw TestFailure("\(path): \(errno)") }
    }

    deinit { close(self.descriptor) }

    /// All lines so far, oldest first.
    var lines: [String] {
        self.receive()
        return self.received
    }

    /// Starts anew.
    func forget() {
        self.receive()
        self.received = []
    }

    private func receive() {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while true {
            // Descriptors that come with a message are not asked for, and the system closes them.
            let count = recv(self.descriptor, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            let lines = text.split(separator: "\n").map(String.init)
            self.received += lines
            if lines.first == "FDSTORE=1", let name = lines.last?.split(separator: "=").last {
                self.stored[String(name), default: 0] += 1
            }
        }
    }
}
