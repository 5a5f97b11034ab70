import MeshPrimitives
import MeshReports
import Testing

@testable import MeshDataPlane
@testable import MeshNode

@Suite("A node's figures before and after a change")
struct TrafficComparisonTests {
    private static let limits = RollOutLimits(errors: 0.01, latencyRise: 0.2, holdSeconds: 10)

    private static func at(_ seconds: Int) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .seconds(seconds))
    }

    private var comparison = TrafficComparison()
    private var total = TrafficFigures()

    private mutating func pass(_ requests: UInt64, errors: UInt64 = 0, at seconds: Int) {
        self.total.requests += requests
        self.total.errors += errors
        self.comparison.count(self.total, at: Self.at(seconds))
    }

    @Test("show harm when too large a part fails, and not before there is enough to tell")
    mutating func errors() {
        self.pass(0, at: 0)
        self.pass(1_000, errors: 500, at: 5)
        self.comparison.begin()
        #expect(self.comparison.harm(Self.limits) == nil)
        self.pass(19, errors: 19, at: 6)
        #expect(self.comparison.harm(Self.limits) == nil)
        self.pass(81, at: 7)
        #expect(self.comparison.harm(Self.limits)?.contains("19.0 % of 100 requests") == true)
        self.pass(10_000, at: 8)
        #expect(self.comparison.harm(Self.limits) == nil)
        self.comparison.end()
        #expect(self.comparison.harm(Self.limits) == nil)
    }

    @Test("show harm when the slowest of a hundred have become slower than allowed")
    mutating func latency() {
        self.total.latency = Self.samples(100, at: 0)
        self.comparison.count(self.total, at: Self.at(0))
        self.total.latency.merge(Self.samples(200, at: 10))
        self.comparison.count(self.total, at: Self.at(5))
        self.comparison.begin()
        self.total.latency.merge(Self.samples(200, at: 11))
        self.comparison.count(self.total, at: Self.at(6))
        #expect(self.comparison.harm(Self.limits) == nil)
        self.total.latency.merge(Self.samples(50, at: 30))
        self.comparison.count(self.total, at: Self.at(7))

        #expect(self.comparison.harm(Self.limits)?.contains("after 0.0 ms") == true)
        #expect(self.comparison.harm(RollOutLimits(latencyRise: 9, holdSeconds: 1)) == nil)
    }

    private static func samples(_ count: UInt64, at place: Int) -> LatencyDistribution {
        LatencyDistribution(
            cells: [.init(place: place, count: count)],
            sumMicroseconds: count * UInt64(place)
        )
    }

    @Test("compare with the minute before, and forget what is older")
    mutating func memory() {
        self.pass(0, at: 0)
        self.pass(5_000, at: 5)
        for seconds in stride(from: 10, through: 100, by: 5) { self.pass(10, at: seconds) }
        self.comparison.begin()

        // Of 40 to 100 s, both included.
        #expect(self.comparison.before.requests == 130)
    }

    @Test("survive counters that go back when a route is gone")
    mutating func fewer() {
        self.pass(1_000, errors: 3, at: 0)
        self.comparison.begin()
        self.comparison.count(TrafficFigures(requests: 400, errors: 0), at: Self.at(1))

        #expect(self.comparison.after.requests == 0)
        #expect(self.comparison.harm(Self.limits) == nil)
    }
}
