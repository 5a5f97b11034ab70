import Glibc

/// Ports that nobody uses at an address.
enum FreePorts {
    /// Draws `count` ports that are free for TCP and UDP at the address.
    static func draw(_ count: Int, at address: String) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [UInt16] = []
        while ports.count < count {
            guard sockets.count < count * 20 else {
                throw TestFailure("no free port at \(address)")
            }
            let stream = try Self.bound(SOCK_STREAM, address, port: 0)
            sockets.append(stream.socket)
            guard let datagram = try? Self.bound(SOCK_DGRAM, address, port: stream.port) else {
                continue
            }
            sockets.append(datagram.socket)
            ports.append(stream.port)
        }
        return ports
    }

    private static func bound(
        _ type: __socket_type,
        _ address: String,
        port: UInt16
    ) throws -> (socket: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = SocketName.v4(address, port: port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = SocketName.with(&name) { bind(descriptor, $0, length) }
        guard result == 0, SocketName.with(&name, { getsockname(descriptor, $0, &length) }) == 0
        else {
            close(descriptor)
            throw TestFailure("\(address):\(port) is taken")
        }
        return (descriptor, UInt16(bigEndian: name.sin_port))
    }
}

/// IPv4 socket addresses.
enum SocketName {
    static func v4(_ address: String, port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return name
    }

    static func with<Result>(
        _ name: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
        }
    }
}
