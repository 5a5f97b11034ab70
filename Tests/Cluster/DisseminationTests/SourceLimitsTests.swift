import MeshPrimitives
import Testing

@testable import MeshDissemination

@Suite("Limits of what each source may send")
struct SourceLimitsTests {
    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private static func address(_ number: UInt32) -> IPAddress { .v4(0x0A00_0000 + number) }

    private static func member(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

    /// Bytes of a member that are taken in one second of `start`, of a flood.
    private func flood(
        _ limits: inout SourceLimits,
        from member: NodeID,
        at start: Double
    ) -> Int {
        (0..<6_000).reduce(0) { sum, number in
            let now = Self.at(start + Double(number) / 6_000)
            return limits.admits(1_400, of: member, at: now) ? sum + 1_400 : sum
        }
    }

    @Test("hold a member that floods to its rate, and leave others alone")
    func members() {
        var limits = SourceLimits(secret: 1)
        let rate = SourceLimits.memberRate
        let first = self.flood(&limits, from: Self.member(1), at: 0)
        let second = self.flood(&limits, from: Self.member(1), at: 10)
        let third = self.flood(&limits, from: Self.member(1), at: 11)

        #expect(first <= 5 * rate + 1_400)
        #expect(second <= 5 * rate + 1_400)
        #expect(third <= rate + 1_400)
        #expect(third >= rate - 7_000)
        let other = limits.admits(1_400, of: Self.member(2), at: Self.at(12))
        let address = limits.admits(1_400, ofStrangerAt: Self.address(1), at: Self.at(12))
        #expect(other && address, "an address stands apart from the members behind it")
    }

    @Test("forget who was quiet, and let those share who find no room")
    func full() {
        var limits = SourceLimits(memberLimit: 2, strangerLimit: 4, secret: 1)
        for number in UInt32(1)...4 {
            let isTaken = limits.admits(1_000, ofStrangerAt: Self.address(number), at: Self.at(0))
            #expect(isTaken)
        }
        var taken = 0
        for number in UInt32(5)...200_000 {
            if limits.admits(1_000, ofStrangerAt: Self.address(number), at: Self.at(0.01)) {
                taken += 1
            }
        }

        #expect(limits.count == 4)
        let (other, first) = (
            limits.mayOpen(from: Self.address(5), at: Self.at(0.01)),
            limits.mayOpen(from: Self.address(1), at: Self.at(0.01))
        )
        #expect(!other && first)
        let share = 4 * SourceLimits.strangerRate / 1_000 + 1
        #expect(taken <= SourceLimits.sharedCount * share)
        let known = limits.admits(1_000, ofStrangerAt: Self.address(1), at: Self.at(0.02))
        #expect(known)

        let later = limits.admits(1_000, ofStrangerAt: Self.address(3_000), at: Self.at(20))
        #expect(later)
        #expect(limits.count == 1)
    }

    @Test("let newcomers in while somebody forges addresses")
    func forged() {
        var limits = SourceLimits(secret: 7)
        // Eight megabytes at once, none of which opens.
        for number in UInt32(0)..<80_000 {
            let forged = IPAddress.v4(SourceLimitsTests.scattered(number))
            if limits.mayOpen(from: forged, at: Self.at(0)) {
                _ = limits.admits(100, ofStrangerAt: forged, at: Self.at(0))
            }
        }

        let refused = (UInt32(1)...1_000).count {
            !limits.mayOpen(from: Self.address($0), at: Self.at(0.01))
        }
        #expect(refused == 0)
    }

    @Test("take all addresses of one IPv6 network for one source, and another network for another")
    func network() {
        var limits = SourceLimits(secret: 7)
        var taken = 0
        for number in UInt64(0)..<2_000 {
            let source = IPAddress.v6(high: 9, low: number)
            guard limits.mayOpen(from: source, at: Self.at(0)) else { continue }
            if limits.admits(1_000, ofStrangerAt: source, at: Self.at(0)) { taken += 1 }
        }

        #expect(taken <= 4 * SourceLimits.strangerRate / 1_000 + 1)
        #expect(limits.count == 1)
        let other = limits.admits(1_000, ofStrangerAt: .v6(high: 10, low: 1), at: Self.at(0))
        #expect(other)
    }

    private static func scattered(_ number: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: SeededGenerator.mix(UInt64(number)))
    }
}
