/// The targets that one request was already sent to; trivial, so a request can hold one in place.
///
/// Exact: any number of indexes below 64, and up to 16 others below 65,535.
public struct TriedTargets: Equatable, Sendable {
    /// Most indexes of 64 and above that fit.
    private static let listCapacity = 16

    private var low: UInt64 = 0
    private var list = SIMD16<UInt16>(repeating: .max)
    private var listCount: UInt8 = 0

    /// Creates the set of a request that was not sent yet.
    public init() {}

    /// Whether the request was sent nowhere yet.
    public var isEmpty: Bool { self.low == 0 && self.listCount == 0 }

    /// How many targets the request was sent to.
    public var count: Int { self.low.nonzeroBitCount + Int(self.listCount) }

    /// Whether no further index of 64 or above fits; the caller then gives up retrying.
    public var isFull: Bool { Int(self.listCount) == Self.listCapacity }

    /// Adds a target; a repeated index and one that does not fit change nothing.
    public mutating func insert(_ index: Int) {
        if index >= 0, index < 64 {
            self.low |= 1 &<< UInt64(index)
            return
        }
        guard index >= 0, index < Int(UInt16.max), !self.contains(index), !self.isFull else {
            return
        }
        self.list[Int(self.listCount)] = UInt16(index)
        self.listCount += 1
    }

    /// Whether the request was sent to the target.
    public func contains(_ index: Int) -> Bool {
        if index < 64 { return index >= 0 && self.low & (1 << UInt64(index)) != 0 }
        guard index < Int(UInt16.max) else { return false }
        for place in 0..<Int(self.listCount) where Int(self.list[place]) == index { return true }
        return false
    }

    /// How many of the targets pass the test; linear in their number.
    func count(where test: (Int) -> Bool) -> Int {
        var count = 0
        var rest = self.low
        while rest != 0 {
            if test(rest.trailingZeroBitCount) { count += 1 }
            rest &= rest - 1
        }
        for place in 0..<Int(self.listCount) where test(Int(self.list[place])) { count += 1 }
        return count
    }
}
