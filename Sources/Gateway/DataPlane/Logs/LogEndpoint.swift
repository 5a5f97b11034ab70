internal import CMeshSystem
internal import Glibc
internal import MeshPrimitives

/// A connection that a log thread waits on.
struct LogEndpoint: ~Copyable {
    private let descriptor: Int32

    /// Connects within so many milliseconds; nil when that fails.
    init?(_ host: String, _ port: UInt16, milliseconds: Int64) {
        guard var address = Self.resolve(host, port) else { return nil }
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0 else { return nil }
        guard Self.wait(descriptor, Int16(POLLOUT), milliseconds),
            mesh_socket_error(descriptor) == 0
        else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    /// The first address of a name; addresses are taken as they are.
    static func resolve(_ host: String, _ port: UInt16) -> mesh_address? {
        if let address = IPAddress(host) {
            return SocketAddress.encode(Endpoint(address: address, port: port))
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        var storage = sockaddr_storage()
        let count = min(Int(first.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) { room in
            guard let source = first.pointee.ai_addr else { return }
            room.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
        }
        var address = mesh_address()
        mesh_address_decode(&storage, &address)
        address.port = port
        return address
    }

    private static func wait(_ descriptor: Int32, _ events: Int16, _ milliseconds: Int64) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&entry, 1, Int32(clamping: max(0, milliseconds))) > 0
    }

    /// Sends everything within so many milliseconds.
    borrowing func send(_ bytes: [UInt8], milliseconds: Int64) -> Bool {
        let deadline = mesh_clock_nanoseconds() / 1_000_000 + milliseconds
        return bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = mesh_send(self.descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    continue
                }
                let left = deadline - mesh_clock_nanoseconds() / 1_000_000
                guard count == -Int(EAGAIN), left > 0,
                    Self.wait(self.descriptor, Int16(POLLOUT), left)
                else { return false }
            }
            return true
        }
    }

    /// Appends what comes within so many milliseconds; `false` at the end of the connection.
    borrowing func receive(into bytes: inout [UInt8], milliseconds: Int64) -> Bool {
        guard Self.wait(self.descriptor, Int16(POLLIN), milliseconds) else { return false }
        let count = withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { room in
            let count = mesh_receive(self.descriptor, room.baseAddress, room.count)
            if count > 0 { bytes += room[..<count] }
            return count
        }
        return count > 0 || count == -Int(EAGAIN)
    }

    /// Whether the other side has ended the connection.
    borrowing func hasEnded() -> Bool {
        var byte: UInt8 = 0
        let count = mesh_peek(self.descriptor, &byte, 1)
        return count >= 0 || count != -Int(EAGAIN)
    }
}
