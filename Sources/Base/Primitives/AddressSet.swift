/// A set of addresses given as blocks; a look-up is O(log n) and allocates nothing.
///
/// IPv4 addresses inside IPv6 (`::ffff:192.0.2.1`) count as IPv4.
public struct AddressSet: Equatable, Sendable {
    /// A stretch of addresses, IPv4 as `::ffff:0:0/96`; both ends are in it.
    private struct Stretch: Equatable, Sendable {
        let first: UInt128
        var last: UInt128
    }

    /// Sorted, apart from each other.
    private var stretches: [Stretch] = []

    /// Creates the empty set.
    public init() {}

    /// Creates the union of blocks, which may overlap.
    public init(_ blocks: [AddressBlock]) {
        for stretch in blocks.map(Self.stretch).sorted(by: { $0.first < $1.first }) {
            guard let end = self.stretches.last?.last, stretch.first <= end else {
                self.stretches.append(stretch)
                continue
            }
            self.stretches[self.stretches.count - 1].last = max(end, stretch.last)
        }
    }

    /// Whether nothing is in it.
    public var isEmpty: Bool { self.stretches.isEmpty }

    /// Whether the address is in one of the blocks.
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
