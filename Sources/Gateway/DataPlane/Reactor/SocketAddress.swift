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

    /// Writes the address without port as text, at most 39 bytes; returns how many.
    static func write(_ address: mesh_address, to output: UnsafeMutableRawPointer) -> Int {
        var writer = AddressText(output: output)
        if address.family == 4 {
            for octet in 0..<4 {
                if octet > 0 { writer.byte(UInt8(ascii: ".")) }
                writer.decimal((address.low >> UInt64(24 - 8 * octet)) & 255)
            }
        } else {
            for half in 0..<8 {
                let source = half < 4 ? address.high : address.low
                writer.hexadecimal((source >> UInt64(48 - 16 * (half % 4))) & 0xFFFF)
                if half < 7 { writer.byte(UInt8(ascii: ":")) }
            }
        }
        return writer.count
    }
}

private struct AddressText {
    let output: UnsafeMutableRawPointer
    var count = 0

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        self.output.storeBytes(of: value, toByteOffset: self.count, as: UInt8.self)
        self.count += 1
    }

    mutating func decimal(_ value: UInt64) {
        if value >= 100 { self.byte(UInt8(48 + value / 100)) }
        if value >= 10 { self.byte(UInt8(48 + value / 10 % 10)) }
        self.byte(UInt8(48 + value % 10))
    }

    mutating func hexadecimal(_ value: UInt64) {
        var shift: UInt64 = 12
        while shift > 0, value >> shift == 0 { shift -= 4 }
        while true {
            let digit = UInt8((value >> shift) & 15)
            self.byte(digit < 10 ? 48 + digit : 87 + digit)
            if shift == 0 { return }
            shift -= 4
        }
    }
}
