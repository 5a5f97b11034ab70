internal import CMeshSystem
internal import MeshPrimitives

/// Endpoints as the socket calls take them, and back.
enum SocketAddress {
    static func encode(_ endpoint: Endpoint) -> mesh_address {
        switch endpoint.address {
        case .v4(let value):
            mesh_address(high: 0, low: UInt64(value), port: endpoint.port, family: 4)
        case .v6(let high, let low):
            mesh_address(high: high, low: low, port: endpoint.port, family: 6)
        }
    }

    static func decode(_ address: mesh_address) -> Endpoint {
        let value: IPAddress =
            address.family == 4
            ? .v4(UInt32(truncatingIfNeeded: address.low))
            : .v6(high: address.high, low: address.low)
        return Endpoint(address: value, port: address.port)
    }

    /// Writes the address without port as text, at most 45 bytes; returns how many.
    static func write(_ address: mesh_address, to output: UnsafeMutableRawPointer) -> Int {
        let room = UnsafeMutableRawBufferPointer(start: output, count: IPAddress.textByteCount)
        return Self.decode(address).address.write(to: room) ?? 0
    }
}
