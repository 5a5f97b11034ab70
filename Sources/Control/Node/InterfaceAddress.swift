import Glibc
import MeshPrimitives

/// The machine's own addresses, for a node that was told none.
enum InterfaceAddress {
    /// What a node advertises that binds everywhere and was given no address.
    ///
    /// - Parameter endpoint: an address; only a wildcard's is replaced.
    /// - Returns: the machine's first address that is neither loopback nor link-local, of the family
    ///   that is bound, IPv4 first where both are; the loopback when there is none.
    static func advertised(for endpoint: Endpoint) -> Endpoint {
        let wildcards = [IPAddress.v4(0), .v6(high: 0, low: 0)]
        guard wildcards.contains(endpoint.address) else { return endpoint }
        let address = Self.choice(of: Self.all(), dualStack: endpoint.isIPv6)
        return Endpoint(address: address, port: endpoint.port)
    }

    static func choice(of addresses: [IPAddress], dualStack: Bool) -> IPAddress {
        let usable = addresses.filter { $0.isUnicast && !$0.isLoopback && !Self.isLinkLocal($0) }
        let isIPv6 = { (address: IPAddress) in
            if case .v6 = address { true } else { false }
        }
        return usable.first { !isIPv6($0) } ?? (dualStack ? usable.first : nil) ?? .v4(0x7F00_0001)
    }

    /// RFC 3927 and RFC 4291 section 2.5.6: such an address says nothing without its link.
    private static func isLinkLocal(_ address: IPAddress) -> Bool {
        switch address.unmapped {
        case .v4(let value): value >> 16 == 0xA9FE
        case .v6(let high, _): high >> 54 == 0xFE80 >> 6
        }
    }

    private static func all() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [IPAddress] = []
        var next = first
        while let current = next {
            next = current.pointee.ifa_next
            guard let form = current.pointee.ifa_addr else { continue }
            let bytes = UnsafeRawPointer(form)
            // Linux: the address stands behind family and port; that of IPv6 behind the flow, too.
            switch CInt(form.pointee.sa_family) {
            case AF_INET:
                let value = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                found.append(.v4(UInt32(bigEndian: value)))
            case AF_INET6:
                let high = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                let low = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
                found.append(.v6(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)))
            default: continue
            }
        }
        return found
    }
}
