import Glibc
import MeshPrimitives
import NIOCore

extension Endpoint {
    /// The address as NIO's sockets take it; never a name.
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

    /// Reads a socket's address, an IPv4 one as such even when a dual-stack socket gave it as
    /// `::ffff:192.0.2.1`; `nil` for a Unix socket.
    init?(_ socketAddress: SocketAddress?) {
        guard let socketAddress, let port = socketAddress.port.flatMap(UInt16.init(exactly:))
        else { return nil }
        let address: IPAddress? = socketAddress.withSockAddr { form, length in
            let bytes = UnsafeRawBufferPointer(start: form, count: length)
            return switch socketAddress {
            case .v4: .v4(bytes.bigEndian(at: SystemAddress.v4Offset))
            case .v6:
                .v6(
                    high: bytes.bigEndian(at: SystemAddress.v6Offset),
                    low: bytes.bigEndian(at: SystemAddress.v6Offset + 8)
                )
            case .unixDomainSocket: nil
            }
        }
        guard let address else { return nil }
        self.init(address: address.unmapped, port: port)
    }

    /// Lends the address in the system's form, `sockaddr_in` or `sockaddr_in6`.
    func withSystemAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(
            byteCount: SystemAddress.byteCount,
            alignment: MemoryLayout<sockaddr>.alignment
        ) { form in
            form.initializeMemory(as: UInt8.self, repeating: 0)
            let length = self.write(to: form)
            guard let base = form.baseAddress else { preconditionFailure("a form has bytes") }
            return body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }

    private func write(to form: UnsafeMutableRawBufferPointer) -> Int {
        let family = sa_family_t(self.isIPv6 ? AF_INET6 : AF_INET)
        form.storeBytes(of: family, as: sa_family_t.self)
        form.storeBytes(of: self.port.bigEndian, toByteOffset: 2, as: UInt16.self)
        switch self.address {
        case .v4(let address):
            form.storeBytes(
                of: address.bigEndian,
                toByteOffset: SystemAddress.v4Offset,
                as: UInt32.self
            )
            return SystemAddress.v4ByteCount
        case .v6(let high, let low):
            let offset = SystemAddress.v6Offset
            form.storeBytes(of: high.bigEndian, toByteOffset: offset, as: UInt64.self)
            form.storeBytes(of: low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
            return SystemAddress.byteCount
        }
    }
}

/// Where Linux has what in the forms of its addresses: family 2, port 2, then the address of IPv4,
/// or 4 bytes of flow and the address of IPv6, then 4 of scope.
private enum SystemAddress {
    static let v4Offset = 4
    static let v6Offset = 8
    static let v4ByteCount = 16
    static let byteCount = 28
}

extension UnsafeRawBufferPointer {
    fileprivate func bigEndian<Value: FixedWidthInteger>(at offset: Int) -> Value {
        Value(bigEndian: self.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
