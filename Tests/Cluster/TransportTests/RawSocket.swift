import Glibc
import MeshPrimitives

/// A plain blocking loopback socket for input that no node would send.
struct RawSocket: ~Copyable {
    enum Kind {
        case datagram
        case stream
    }

    struct Failure: Error {
        let call: String
        let number: Int32
    }

    private let descriptor: Int32

    /// Connects to `endpoint` from one of the addresses of loopback; receiving gives up after 5 s.
    init(_ kind: Kind, to endpoint: Endpoint, from source: UInt32 = 0x7F00_0001) throws {
        let type = kind == .datagram ? SOCK_DGRAM : SOCK_STREAM
        self.descriptor = socket(AF_INET, Int32(type.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var own = sockaddr_in()
        own.sin_family = sa_family_t(AF_INET)
        own.sin_addr.s_addr = source.bigEndian
        _ = withUnsafePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(self.descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                connect(self.descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure(call: "connect", number: errno) }
    }

    deinit { close(self.descriptor) }

    /// Sends; a peer that has closed already is no error.
    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Receives up to `limit` bytes; empty at the end of a stream, `nil` when nothing came.
    func receive(limit: Int = 65_536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(self.descriptor, &bytes, limit, 0)
        if count < 0 { return errno == ECONNRESET ? [] : nil }
        return Array(bytes.prefix(count))
    }
}
