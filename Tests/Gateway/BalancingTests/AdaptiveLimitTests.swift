import Testing

@testable import MeshBalancing

@Suite("A limit found by measuring")
struct AdaptiveLimitTests {
    /// A target that works on so many requests at once, 10 ms each, for clients that always have one
    /// more.
    private static func run(
        _ limit: inout AdaptiveLimit,
        places: Int,
        milliseconds: Double = 10,
        seconds: Int,
        from start: Int64 = 0,
        demand: Int = .max
    ) {
        var now = Double(start)
        let end = now + Double(seconds) * 1_000
        while now < end {
            let inFlight = min(limit.limit, demand)
            let time = milliseconds * max(1, Double(inFlight) / Double(places))
            for _ in 0..<inFlight {
                _ = limit.take(
                    microseconds: Int64(time * 1_000),
                    inFlight: inFlight,
                    at: Int64(now)
                )
            }
            now += time
        }
    }

    @Test("keeps a target busy, and its queue short", arguments: [8, 32, 200])
    func settles(places: Int) {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: places, seconds: 20)
        #expect(limit.limit >= places)
        #expect(limit.limit <= 2 * places + 8, "answers take at most about twice as long")
    }

    @Test("still does after five minutes of overload")
    func doesNotDrift() {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: 8, seconds: 300)
        #expect(limit.limit <= 32)
    }

    @Test("forgets what answers took while target and gateway were still starting")
    func coldStart() {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: 8, milliseconds: 80, seconds: 2)
        Self.run(&limit, places: 8, seconds: 15, from: 2_000)
        #expect(limit.limit <= 32)
        #expect(limit.limit >= 8)
    }

    @Test("reaches what a large target bears within three seconds")
    func starts() {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: 200, seconds: 3)
        #expect(limit.limit >= 200)
    }

    @Test("is lowered when the target gets slower, and found again when it recovers")
    func follows() {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: 32, seconds: 10)
        let before = limit.limit
        Self.run(&limit, places: 32, milliseconds: 40, seconds: 5, from: 10_000)
        #expect(limit.limit < before / 2)
        Self.run(&limit, places: 32, seconds: 20, from: 15_000)
        #expect(limit.limit >= 32)
    }

    @Test("does not grow while nobody reaches it")
    func idle() {
        var limit = AdaptiveLimit(maximum: 1_000)
        Self.run(&limit, places: 100, seconds: 20, demand: 3)
        #expect(limit.limit == AdaptiveLimit.initial)
    }

    @Test("stays within its bounds, whatever times it is told")
    func bounds() {
        var limit = AdaptiveLimit(maximum: 10)
        for time in 0..<20_000 {
            let microseconds: Int64 = time % 3 == 0 ? .min : time % 3 == 1 ? .max : 5
            _ = limit.take(microseconds: microseconds, inFlight: .max / 2, at: Int64(time) * 20)
            #expect((AdaptiveLimit.minimum...10).contains(limit.limit))
        }
        #expect(AdaptiveLimit(maximum: -5).limit == 1)
    }

    @Test("never exceeds what was set, however little that is", arguments: 1...3)
    func smallMaximum(maximum: Int) {
        var limit = AdaptiveLimit(maximum: maximum)
        #expect(limit.limit == maximum)
        Self.run(&limit, places: 32, seconds: 20, demand: 8)
        #expect(limit.limit == maximum)
        Self.run(&limit, places: 1, milliseconds: 400, seconds: 20, from: 20_000, demand: 8)
        #expect((1...maximum).contains(limit.limit))
    }
}
