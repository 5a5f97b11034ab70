internal import CMeshSystem
internal import Glibc
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshTLS

/// How a connection outside is secured.
struct OutsideSecurity {
    let context: TLSClientContext
    /// The name that is asked for and checked.
    let name: String

    /// Security of a log, whose certificate is not checked.
    init?(_ security: LogSecurity) { self.init(name: security.name, verifies: false) }

    /// Security that checks certificates against the system's authorities, or checks nothing; nil when
    /// OpenSSL refuses it.
    init?(name: String, verifies: Bool) {
        var settings = TLSClientSettings()
        settings.verifies = verifies
        settings.protocols = []
        guard let context = try? TLSClientContext(settings) else { return nil }
        self.context = context
        self.name = name
    }
}

/// A connection, plain or TLS, that a thread of its own waits on; never a worker.
struct OutsideConnection: ~Copyable {
    private let descriptor: Int32
    private let tls: (session: TLSSession, output: TLSOutput)?

    /// Connects within so many milliseconds; nil when that fails.
    init?(
        _ host: String,
        _ port: UInt16,
        security: OutsideSecurity? = nil,
        milliseconds: Int64
    ) {
        let deadline = Self.now() + milliseconds
        guard var address = Self.resolve(host, port) else { return nil }
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0 else { return nil }
        guard Self.wait(descriptor, Int16(POLLOUT), until: deadline),
            mesh_socket_error(descriptor) == 0
        else {
            close(descriptor)
            return nil
        }
        guard let security else {
            self.descriptor = descriptor
            self.tls = nil
            return
        }
        guard let tls = Self.secure(descriptor, security, until: deadline) else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.tls = tls
    }

    deinit {
        self.tls?.session.free()
        close(self.descriptor)
    }

    private static func now() -> Int64 { mesh_clock_nanoseconds() / 1_000_000 }

    /// Shakes hands.
    private static func secure(
        _ descriptor: Int32,
        _ security: OutsideSecurity,
        until deadline: Int64
    ) -> (session: TLSSession, output: TLSOutput)? {
        let output = TLSOutput()
        var name = security.name
        let session = name.withUTF8 { name in
            TLSSession.client(
                security.context,
                descriptor: descriptor,
                serverName: UnsafeRawBufferPointer(name),
                output: output
            )
        }
        guard let session else { return nil }
        while true {
            let step = session.handshake()
            guard Self.send(descriptor, output.bytes, until: deadline) else { break }
            output.clear()
            if case .done = step { return (session, output) }
            guard case .wantsInput = step, Self.wait(descriptor, Int16(POLLIN), until: deadline)
            else { break }
            session.inputArrived()
        }
        session.free()
        return nil
    }

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

    private static func wait(_ descriptor: Int32, _ events: Int16, until deadline: Int64) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&entry, 1, Int32(clamping: max(0, deadline - Self.now()))) > 0
    }

    private static func send(
        _ descriptor: Int32,
        _ bytes: UnsafeRawBufferPointer,
        until deadline: Int64
    ) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = mesh_send(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            guard count == -Int(EAGAIN), Self.wait(descriptor, Int16(POLLOUT), until: deadline)
            else { return false }
        }
        return true
    }

    /// Sends everything within so many milliseconds.
    borrowing func send(_ bytes: [UInt8], milliseconds: Int64) -> Bool {
        let deadline = Self.now() + milliseconds
        return bytes.withUnsafeBytes { bytes in
            guard let tls = self.tls else {
                return Self.send(self.descriptor, bytes, until: deadline)
            }
            defer { tls.output.clear() }
            return tls.session.write(bytes)
                && Self.send(self.descriptor, tls.output.bytes, until: deadline)
        }
    }

    /// What came of waiting for bytes.
    enum Arrival {
        case bytes
        /// The other side has ended the connection in order.
        case ended
        /// The connection is broken, or the time is over.
        case nothing
    }

    /// Appends what comes within so many milliseconds.
    borrowing func receive(into bytes: inout [UInt8], milliseconds: Int64) -> Arrival {
        let deadline = Self.now() + milliseconds
        return withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { room in
            while true {
                switch self.read(room) {
                case 0: return .ended
                case let count? where count > 0:
                    bytes += room[..<count]
                    return .bytes
                case _?: return .nothing
                case nil: break
                }
                guard Self.wait(self.descriptor, Int16(POLLIN), until: deadline) else {
                    return .nothing
                }
                self.tls?.session.inputArrived()
            }
        }
    }

    /// How many bytes are there now; nil for none yet, 0 at the end of the connection, less where it is
    /// broken.
    private borrowing func read(_ room: UnsafeMutableRawBufferPointer) -> Int? {
        guard let base = room.baseAddress else { return -1 }
        guard let tls = self.tls else {
            let count = mesh_receive(self.descriptor, base, room.count)
            return count == -Int(EAGAIN) ? nil : count
        }
        return switch tls.session.read(into: base, limit: room.count) {
        case .bytes(let count): count
        case .drained: nil
        case .ended: 0
        case .truncated, .broken: -1
        }
    }

    /// Whether the other side has ended the connection, or says what nobody has asked for.
    borrowing func hasEnded() -> Bool {
        guard let tls = self.tls else {
            var byte: UInt8 = 0
            let count = mesh_peek(self.descriptor, &byte, 1)
            return count >= 0 || count != -Int(EAGAIN)
        }
        // Tickets may have come since the handshake.
        tls.session.inputArrived()
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { self.read($0) != nil }
    }
}
