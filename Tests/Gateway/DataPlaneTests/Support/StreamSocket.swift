import CMeshSystem
import Glibc

/// A blocking TCP connection for tests; every read gives up after its deadline.
final class StreamSocket: TestStream {
    let descriptor: Int32
    let kept = KeptBytes()

    init(descriptor: Int32, seconds: Int = 30) {
        self.descriptor = descriptor
        let flags = Int32(Glibc.MSG_PEEK | Glibc.MSG_DONTWAIT)
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

    /// Connects to a port of the loopback, with so small segments and so small a receive buffer that the
    /// peer soon has to wait for the reader.
    convenience init(port: UInt16, segment: Int32, seconds: Int = 30) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        for (level, option, value) in [
            (Int32(IPPROTO_TCP), TCP_MAXSEG, segment), (SOL_SOCKET, SO_RCVBUF, 4_096),
        ] {
            var value = value
            setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        self.init(descriptor: descriptor, seconds: seconds)
    }

    deinit { _ = Glibc.close(self.descriptor) }

    /// Sends everything; `false` when the peer is gone.
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

    var localAddress: mesh_address {
        var address = mesh_address()
        _ = mesh_local_address(self.descriptor, &address)
        return address
    }

    /// Bytes that have arrived and were not read, 1 MiB at most.
    var waitingCount: Int {
        var room = [UInt8](repeating: 0, count: 1 << 20)
        let flags = Int32(Glibc.MSG_PEEK | Glibc.MSG_DONTWAIT)
        return max(0, recv(self.descriptor, &room, room.count, flags))
    }

    func shutdownWrite() { _ = mesh_shutdown_write(self.descriptor) }

    func shutdown() { _ = Glibc.shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    /// Makes the close a reset.
    func reset() {
        mesh_reset_on_close(self.descriptor)
        var nothing = mesh_address()
        _ = mesh_local_address(self.descriptor, &nothing)
    }

    func readMore(limit: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = bytes.withUnsafeMutableBytes {
            mesh_receive(self.descriptor, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        return Array(bytes.prefix(count))
    }

    /// Whether the peer has reset the connection; call it after the last byte was read.
    var wasReset: Bool {
        var byte: UInt8 = 0
        return recv(self.descriptor, &byte, 1, 0) < 0 && errno == ECONNRESET
    }

    /// Makes the system's receive buffer small, so that a peer soon waits for the reader.
    func shrinkReceiveBuffer(to byteCount: Int32 = 4_096) {
        var size = byteCount
        setsockopt(
            self.descriptor,
            SOL_SOCKET,
            SO_RCVBUF,
            &size,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }
}
