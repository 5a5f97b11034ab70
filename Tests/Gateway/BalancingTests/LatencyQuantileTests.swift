import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("The time within which 95 of 100 answers come")
struct LatencyQuantileTests {
    private static func exponential(_ random: inout SeededGenerator, mean: Double) -> Int64 {
        let unit = (Double(random.next() >> 11) + 0.5) * 0x1p-53
        // -ln(u) by the doubling of a slowly converging product would do; a table is not needed.
        var rest = unit
        var value = 0.0
        while rest < 0.5 {
            rest *= 2
            value += 0.693_147_180_559_945_3
        }
        let z = (1 - rest) / (1 + rest)
        value += 2 * (z + z * z * z / 3 + z * z * z * z * z / 5)
        return Int64(value * mean)
    }

    @Test("is learned from any start", arguments: [1, 3, 9] as [UInt64])
    func settles(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var quantile = LatencyQuantile()
        var above = 0
        for number in 0..<10_000 {
            let sample = Self.exponential(&random, mean: 10_000)
            if number >= 2_000, sample > (quantile.microseconds ?? 0) { above += 1 }
            quantile.take(microseconds: sample)
        }
        #expect((200...600).contains(above), "400 of 8,000 are expected: \(above)")
        let value = try #require(quantile.microseconds)
        #expect((20_000...45_000).contains(value), "about 30 ms: \(value)")
    }

    @Test("is not known before a hundred times, and takes any time")
    func edges() {
        var quantile = LatencyQuantile()
        for _ in 0..<99 { quantile.take(microseconds: .min) }
        #expect(quantile.microseconds == nil)
        quantile.take(microseconds: .max)
        #expect(quantile.microseconds != nil)
        for _ in 0..<10_000 { quantile.take(microseconds: .max) }
        for _ in 0..<10_000 { quantile.take(microseconds: 1) }
        #expect((quantile.microseconds ?? -1) >= 0)
    }
}
