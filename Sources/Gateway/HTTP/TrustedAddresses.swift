public import MeshPrimitives

/// The proxies in front whose word about the client is believed.
///
/// Source: Kong 3.x, `trusted_ips`; nginx, `set_real_ip_from`.
public struct TrustedAddresses: Equatable, Sendable {
    /// A trusted stretch of addresses, IPv4 as `::ffff:0:0/96`; both ends are in it.
    private struct Stretch: Equatable, Sendable {
        let first: UInt128
        var last: UInt128
    }

    /// An entry that is neither address, block nor `unix:`.
    public struct UnknownEntry: Error, Equatable, Sendable {
        /// The entry as it was written.
        public let text: String
    }

    /// Sorted, apart from each other.
    private var stretches: [Stretch] = []
    /// Whether peers on unix sockets are trusted (`unix:`).
    public private(set) var includesUnixSockets = false

    /// Trusts nobody, which is Kong's default.
    public init() {}

    /// Reads the entries of Kong's setting: addresses, blocks as `10.0.0.0/8`, and `unix:`.
    ///
    /// - Throws: the first entry that is none of these.
    public init(_ entries: [String]) throws(UnknownEntry) {
        var stretches: [Stretch] = []
        for entry in entries {
            if entry == "unix:" {
                self.includesUnixSockets = true
            } else if let block = AddressBlock(entry) {
                stretches.append(Self.stretch(block))
            } else {
                throw UnknownEntry(text: entry)
            }
        }
        stretches.sort { $0.first < $1.first }
        for stretch in stretches {
            guard let end = self.stretches.last?.last, stretch.first <= end else {
                self.stretches.append(stretch)
                continue
            }
            self.stretches[self.stretches.count - 1].last = max(end, stretch.last)
        }
    }

    /// Whether nobody is trusted.
    public var isEmpty: Bool { self.stretches.isEmpty && !self.includesUnixSockets }

    /// Whether the address is trusted; O(log n), without allocating.
    public func contains(_ address: IPAddress) -> Bool {
        let number = Self.number(address)
        var low = 0
        var high = self.stretches.count
        while low < high {
            let middle = (low + high) / 2
            if self.stretches[middle].last < number { low = middle + 1 } else { high = middle }
        }
        return low < self.stretches.count && self.stretches[low].first <= number
    }

    private static func stretch(_ block: AddressBlock) -> Stretch {
        let first = Self.number(block.base)
        let bits = if case .v4 = block.base { 32 } else { 128 }
        let size = UInt128(bits - block.prefixLength)
        return Stretch(first: first, last: first | ~(UInt128.max << size))
    }

    private static func number(_ address: IPAddress) -> UInt128 {
        switch address {
        case .v4(let value): 0xFFFF_0000_0000 | UInt128(value)
        case .v6(let high, let low): UInt128(high) << 64 | UInt128(low)
        }
    }
}
