/// A fast, repeatable generator: the same seed gives the same numbers on every machine.
///
/// For the order of probes, choice of targets and simulation. Not for keys or tokens.
///
/// Source: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
public struct SeededGenerator: RandomNumberGenerator, Equatable, Sendable {
    private var state: UInt64

    /// Creates a generator; equal seeds give equal sequences.
    public init(seed: UInt64) { self.state = seed }

    /// Returns the next 64 bits.
    public mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(self.state)
    }

    /// Returns a generator whose numbers are independent of this one's later numbers.
    public mutating func split() -> SeededGenerator { SeededGenerator(seed: self.next()) }

    /// Returns a number in `0..<bound` without bias worth noting; `bound` must be above 0.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "an empty range has no member")
        return Int(truncatingIfNeeded: self.next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// Returns a number in `0..<1`.
    public mutating func nextUnit() -> Double { Double(self.next() >> 11) * 0x1p-53 }

    /// Returns the elements in random order.
    public mutating func shuffle<Element>(_ elements: [Element]) -> [Element] {
        var result = elements
        for index in result.indices.reversed() where index > 0 {
            result.swapAt(index, self.next(below: index + 1))
        }
        return result
    }

    /// Scatters a number over 64 bits; a bijection.
    public static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
