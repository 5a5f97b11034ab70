import MeshPrimitives
import Testing

@testable import MeshDataPlane
@testable import MeshNode

@Suite("The traffic of the last minutes")
struct TrafficHistoryTests {
    private static func figures(_ requests: UInt64, errors: UInt64 = 0) -> TrafficFigures {
        TrafficFigures(requests: requests, errors: errors)
    }

    @Test("is what came between two countings, by service and in all")
    func steps() {
        var history = TrafficHistory()
        history.count(["a": Self.figures(10)], wallMilliseconds: 1)
        #expect(history.steps.isEmpty)

        history.count(
            ["a": Self.figures(15, errors: 1), "b": Self.figures(2)],
            wallMilliseconds: 2
        )

        #expect(history.steps.map(\.number) == [1])
        #expect(history.steps[0].wallMilliseconds == 2)
        #expect(history.steps[0].all == .init(Self.figures(7, errors: 1)))
        #expect(
            history.steps[0].services
                == ["a": .init(Self.figures(5, errors: 1)), "b": .init(Self.figures(2))]
        )
    }

    @Test("tells how long a step's requests took, whatever those before took")
    func latencies() {
        func taken(_ places: [(Int, UInt64)]) -> TrafficFigures {
            let cells = places.map { LatencyDistribution.Cell(place: $0.0, count: $0.1) }
            let count = places.reduce(0) { $0 + $1.1 }
            return TrafficFigures(
                requests: count,
                latency: LatencyDistribution(cells: cells, sumMicroseconds: 0)
            )
        }
        var history = TrafficHistory()
        history.count(["a": taken([(1, 1_000)])], wallMilliseconds: 1)
        history.count(["a": taken([(1, 1_000), (20, 90), (60, 10)])], wallMilliseconds: 2)

        #expect(history.steps[0].all.p50 == 20)
        #expect(history.steps[0].all.p99 == 60)
        #expect(history.steps[0].services["a"]?.p50 == 20)
    }

    @Test("does not grow beyond a quarter of an hour")
    func capacity() {
        var history = TrafficHistory()
        for time in 0...UInt64(TrafficHistory.capacity + 5) {
            history.count([:], wallMilliseconds: time)
        }

        #expect(history.steps.count == TrafficHistory.capacity)
        #expect(history.steps.first?.number == 6)
    }

    @Test("tells the busiest services apart and sums up the others")
    func manyServices() {
        var history = TrafficHistory()
        history.count([:], wallMilliseconds: 1)
        let total = (1...40).map { ("s\($0)", Self.figures(UInt64($0))) }
        history.count(Dictionary(uniqueKeysWithValues: total), wallMilliseconds: 2)

        let services = history.steps[0].services
        #expect(services.count == TrafficHistory.serviceLimit)
        #expect(services["s40"]?.requests == 40)
        #expect(services["s30"]?.requests == 30)
        #expect(services["s29"] == nil)
        #expect(services[TrafficHistory.others]?.requests == (1...29).reduce(0, +))
    }
}
