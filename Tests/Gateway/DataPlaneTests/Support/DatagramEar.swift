import Glibc

/// A UDP socket that waits for what log plugins send.
final class DatagramEar {
    let port: UInt16
    private let descriptor: Int32

    init() {
        self.descriptor = socket(
            AF_INET,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                _ = bind(descriptor, name, length)
                _ = getsockname(descriptor, name, &length)
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    deinit { close(self.descriptor) }

    /// The next datagram; nil when none comes.
    func hear() -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(self.descriptor, &bytes, bytes.count, 0)
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
