internal import MeshPrimitives

/// Weighted rendezvous hashing: every key ranks all targets, and every node ranks them alike.
///
/// The best score is an exponential race, so a target wins a share of the keys in proportion to
/// its weight, and losing one target moves only that target's keys.
///
/// Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996; the
/// weighted form after Schindelhauer and Schomaker, 2005.
enum Rendezvous {
    /// The target's rank for the key, 0 or less; higher is better.
    ///
    /// Only IEEE additions, multiplications and divisions, so equal on every machine.
    @inline(__always)
    static func score(key: UInt64, target: UInt64, weight: Double) -> Double {
        let mixed = SeededGenerator.mix(key ^ SeededGenerator.mix(target))
        let unit = (Double(mixed >> 11) + 0.5) * 0x1p-53
        return Self.binaryLogarithm(unit) / weight
    }

    /// How far the key is into its share of one target, in `0..<1`.
    ///
    /// A target at factor f keeps the keys below f: at a lower factor it keeps a part of them, and
    /// it gets the very same keys back when it recovers.
    @inline(__always)
    static func position(key: UInt64, target: UInt64) -> Float {
        let mixed = SeededGenerator.mix(key &+ SeededGenerator.mix(~target))
        return Float(mixed >> 40) * 0x1p-24
    }

    /// Logarithm to base 2 of a number above 0, to within 0.0001.
    ///
    /// ln((1 + z) / (1 - z)) = 2 (z + z³/3 + z⁵/5 + …) with the significand brought to 0.7…1.4.
    @inline(__always)
    static func binaryLogarithm(_ value: Double) -> Double {
        var exponent = Double(value.exponent)
        var significand = value.significand
        if significand > 1.414_213_562_373_095_1 {
            significand *= 0.5
            exponent += 1
        }
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        let series = ratio * (1 + square * (1 / 3.0 + square * (0.2 + square * (1 / 7.0))))
        return exponent + series * 2.885_390_081_777_926_8
    }
}
