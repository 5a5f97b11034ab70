internal import CMeshSystem
internal import Glibc
internal import MeshPrimitives

/// A listening socket that somebody else has bound: the process before, or the supervisor.
public struct InheritedSocket: Sendable {
    /// What it was called by who gave it.
    public let name: String
    /// The descriptor; whoever holds this value owns it.
    public let descriptor: Int32
    /// Where it listens; `nil` for what is no listening socket.
    public let place: ListenPlace?
    /// Whether further sockets may be bound beside it.
    public let isShared: Bool

    /// Looks at a descriptor, and makes it close on exec and never block.
    public init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
        let isUsable = mesh_adopt_descriptor(descriptor) == 0
        self.place = isUsable ? Self.place(of: descriptor) : nil
        self.isShared = mesh_socket_is_shared(descriptor) == 1
    }

    /// The sockets that a supervisor hands over at the start, as `LISTEN_FDS` describes them.
    ///
    /// - Parameters:
    ///   - variables: the environment.
    ///   - process: the own process, which `LISTEN_PID` must name.
    ///   - first: the first descriptor, 3 but in tests.
    /// - Returns: the sockets; none when they are for another process.
    public static func fromSupervisor(
        _ variables: [String: String],
        process: Int32,
        first: Int32 = 3
    ) -> [InheritedSocket] {
        guard variables["LISTEN_PID"] == "\(process)",
            let count = variables["LISTEN_FDS"].flatMap({ Int32($0) }), (1...65_536).contains(count)
        else { return [] }
        let names = (variables["LISTEN_FDNAMES"] ?? "").split(
            separator: ":",
            omittingEmptySubsequences: false
        )
        return (0..<count).map { index in
            let name = Int(index) < names.count ? String(names[Int(index)]) : "unknown"
            return InheritedSocket(name: name, descriptor: first + index)
        }
    }

    private static func place(of descriptor: Int32) -> ListenPlace? {
        var path = [CChar](repeating: 0, count: 128)
        let length = mesh_socket_path(descriptor, &path, path.count)
        if length > 0 {
            let bytes = path.prefix(Int(length)).map { UInt8(bitPattern: $0) }
            return .path(String(decoding: bytes, as: UTF8.self))
        }
        var address = mesh_address()
        guard mesh_local_address(descriptor, &address) == 0, address.family != 0 else {
            return nil
        }
        switch mesh_socket_kind(descriptor) {
        case 1: return .stream(Endpoint(address))
        case 2: return .datagrams(Endpoint(address))
        default: return nil
        }
    }
}

extension Endpoint {
    /// Reads what the socket calls give.
    init(_ address: mesh_address) {
        let value: IPAddress =
            address.family == 4
            ? .v4(UInt32(truncatingIfNeeded: address.low))
            : .v6(high: address.high, low: address.low)
        self.init(address: value, port: address.port)
    }

    /// The address as the socket calls take it.
    var system: mesh_address {
        switch self.address {
        case .v4(let value):
            mesh_address(high: 0, low: UInt64(value), port: self.port, family: 4)
        case .v6(let high, let low):
            mesh_address(high: high, low: low, port: self.port, family: 6)
        }
    }
}
