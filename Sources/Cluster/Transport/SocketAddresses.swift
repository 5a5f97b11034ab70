import MeshPrimitives
import NIOCore

extension Endpoint {
    /// The address as sockets take it; never a name.
    var socketAddress: SocketAddress {
        get throws {
            var packed = ByteBuffer()
            switch self.address {
            case .v4(let address): packed.writeInteger(address)
            case .v6(let high, let low):
                packed.writeInteger(high)
                packed.writeInteger(low)
            }
            return try SocketAddress(packedIPAddress: packed, port: Int(self.port))
        }
    }

    /// Reads a socket's address; `nil` for a Unix socket.
    init?(_ socketAddress: SocketAddress?) {
        guard let socketAddress, let text = socketAddress.ipAddress,
            let port = socketAddress.port.flatMap(UInt16.init(exactly:)),
            let address = IPAddress(text)
        else { return nil }
        self.init(address: address, port: port)
    }
}
