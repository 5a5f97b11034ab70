public import MeshPrimitives

extension ProxyProtocol {
    /// How a connection that is passed on carries its content.
    public enum Transport: UInt8, Sendable {
        /// TCP.
        case stream = 1
        /// UDP.
        case datagram = 2
    }

    /// Writes a header of version 1.
    ///
    /// Endpoints of different families, which it cannot say, become `PROXY UNKNOWN`.
    public static func writeText(
        source: Endpoint,
        destination: Endpoint,
        into writer: inout HeadWriter
    ) {
        let isV4 = source.address.isV4
        guard isV4 == destination.address.isV4 else {
            return writer.write("PROXY UNKNOWN\r\n")
        }
        writer.write(isV4 ? "PROXY TCP4 " : "PROXY TCP6 ")
        writer.write(source.address)
        writer.write(" ")
        writer.write(destination.address)
        writer.write(" ")
        writer.write(decimal: UInt64(source.port))
        writer.write(" ")
        writer.write(decimal: UInt64(destination.port))
        writer.write("\r\n")
    }

    /// Writes a header of version 2 without TLVs.
    ///
    /// An IPv4 endpoint beside an IPv6 one is written as `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
    public static func writeBinary(
        source: Endpoint,
        destination: Endpoint,
        transport: Transport = .stream,
        into writer: inout HeadWriter
    ) {
        let isV4 = source.address.isV4 && destination.address.isV4
        writer.write(Self.signature)
        writer.write(byte: 0x21)
        writer.write(byte: (isV4 ? 0x10 : 0x20) | transport.rawValue)
        writer.write(bigEndian: UInt64(isV4 ? 12 : 36), byteCount: 2)
        Self.write(source.address, isV4: isV4, into: &writer)
        Self.write(destination.address, isV4: isV4, into: &writer)
        writer.write(bigEndian: UInt64(source.port), byteCount: 2)
        writer.write(bigEndian: UInt64(destination.port), byteCount: 2)
    }

    /// The header of a connection of our own, as health checks are: version 2, LOCAL.
    public static var localHeader: [UInt8] {
        Array(UnsafeRawBufferPointer(start: Self.signature.utf8Start, count: 12)) + [0x20, 0, 0, 0]
    }

    private static func write(
        _ address: IPAddress,
        isV4: Bool,
        into writer: inout HeadWriter
    ) {
        switch address {
        case .v4(let value):
            if !isV4 {
                writer.write(bigEndian: 0, byteCount: 8)
                writer.write(bigEndian: 0xFFFF, byteCount: 4)
            }
            writer.write(bigEndian: UInt64(value), byteCount: 4)
        case .v6(let high, let low):
            writer.write(bigEndian: high, byteCount: 8)
            writer.write(bigEndian: low, byteCount: 8)
        }
    }
}

extension HeadWriter {
    /// Appends an address as RFC 5952 wants it.
    public mutating func write(_ address: IPAddress) {
        self.append { address.write(to: $0) }
    }

    /// Appends the low bytes of a number, highest first.
    mutating func write(bigEndian value: UInt64, byteCount: Int) {
        for index in 0..<byteCount {
            let shift = UInt64(max(0, byteCount - 1 - index) * 8)
            self.write(byte: UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
