import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("Since when a target fails")
struct FailureOnsetTests {
    private var onset = FailureOnset()

    private func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    private func count(_ attempts: UInt32, _ failures: UInt32) -> AttemptCount {
        AttemptCount(attempts: attempts, failures: failures)
    }

    @Test("is proven for five seconds, then counted anew")
    mutating func span() {
        self.onset.add(self.count(20, 20), pool: self.count(0, 0), at: self.at(1))
        let counted = self.count(120, 20)
        #expect(self.onset.isProven(beside: counted, at: self.at(1)))
        #expect(self.onset.isProven(beside: counted, at: self.at(5.9)))
        #expect(!self.onset.isProven(beside: counted, at: self.at(6)))

        self.onset.add(self.count(19, 19), pool: counted, at: self.at(6))
        #expect(
            !self.onset.isProven(beside: self.count(239, 39), at: self.at(6)),
            "19 attempts are too few, and those of before do not count"
        )
    }

    @Test("is forgotten when successes outweigh the failures, with what others did meanwhile")
    mutating func forgetting() {
        self.onset.add(self.count(20, 20), pool: self.count(0, 0), at: self.at(1))
        self.onset.add(self.count(200, 0), pool: self.count(120, 20), at: self.at(2))
        #expect(!self.onset.isProven(beside: self.count(500, 20), at: self.at(2)))

        let before = self.count(500, 20)
        self.onset.add(self.count(20, 20), pool: before, at: self.at(3))
        #expect(!self.onset.isProven(beside: self.count(539, 40), at: self.at(3)))
        #expect(self.onset.isProven(beside: self.count(540, 40), at: self.at(3)))
    }

    @Test("needs twenty attempts of others, of which far fewer failed")
    mutating func others() {
        self.onset.add(self.count(20, 20), pool: self.count(100, 100), at: self.at(1))
        #expect(!self.onset.isProven(beside: self.count(139, 120), at: self.at(1)))
        #expect(self.onset.isProven(beside: self.count(140, 120), at: self.at(1)))
        #expect(!self.onset.isProven(beside: self.count(160, 140), at: self.at(1)), "half fail")
    }

    @Test("is no matter of twenty attempts of which two fail")
    mutating func chance() {
        self.onset.add(self.count(20, 2), pool: self.count(0, 0), at: self.at(1))
        #expect(!self.onset.isProven(beside: self.count(1_000, 2), at: self.at(1)))
    }
}
