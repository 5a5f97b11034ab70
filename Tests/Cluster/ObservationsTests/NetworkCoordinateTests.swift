import MeshObservations
import MeshPrimitives
import Testing

@Suite("Coordinates of nodes")
struct NetworkCoordinateTests {
    /// Lets nodes measure each other for 1,000 cycles, each a random other, as Serf's tests do; gives the
    /// relative errors of round trips longer than `least` seconds.
    private static func simulate(
        _ truth: [[Double]],
        over least: Double = 0,
        seed: UInt64
    ) -> (mean: Double, most: Double) {
        var generator = SeededGenerator(seed: seed)
        var nodes = truth.map { _ in NetworkCoordinate() }
        for _ in 0..<1_000 {
            for index in nodes.indices {
                let other = generator.next(below: nodes.count)
                guard other != index else { continue }
                let roundTrip = Duration.nanoseconds(Int64(truth[index][other] * 1e9))
                nodes[index].learn(roundTrip, to: nodes[other], using: &generator)
            }
        }
        var errors: [Double] = []
        for one in nodes.indices {
            for other in nodes.indices where other > one && truth[one][other] > least {
                let estimate = nodes[one].roundTrip(to: nodes[other]) / .nanoseconds(1) / 1e9
                errors.append(abs(estimate - truth[one][other]) / truth[one][other])
            }
        }
        return (errors.reduce(0, +) / Double(errors.count), errors.max() ?? 0)
    }

    private static func matrix(_ count: Int, _ seconds: (Int, Int) -> Double) -> [[Double]] {
        (0..<count).map { one in (0..<count).map { one == $0 ? 0 : seconds(one, $0) } }
    }

    @Test("find a line of nodes 10 ms apart to 1 % on average", arguments: UInt64(1)...3)
    func line(seed: UInt64) {
        let outcome = Self.simulate(
            Self.matrix(10) { 0.01 * Double(abs($0 - $1)) },
            seed: seed
        )

        #expect(outcome.mean < 0.01)
        #expect(outcome.most < 0.05)
    }

    @Test("find two regions, 1 ms inside and 80 ms across, to 1 % across", arguments: UInt64(1)...3)
    func regions(seed: UInt64) {
        let truth = Self.matrix(20) { ($0 < 10) == ($1 < 10) ? 0.001 : 0.08 }
        let all = Self.simulate(truth, seed: seed)
        let across = Self.simulate(truth, over: 0.01, seed: seed)

        #expect(all.mean < 0.1)
        #expect(across.mean < 0.01)
        #expect(across.most < 0.05)
    }

    @Test("stay what they are on figures that nobody can have measured")
    func ignoresNonsense() {
        var generator = SeededGenerator(seed: 1)
        var coordinate = NetworkCoordinate()

        for wrong in [Duration.zero, .seconds(-1), .seconds(11), .seconds(1_000_000_000)] {
            coordinate.learn(wrong, to: NetworkCoordinate(), using: &generator)
        }

        #expect(coordinate == NetworkCoordinate())
    }

    @Test(
        "are refused when their numbers are none or out of range",
        arguments: [Float.nan, .infinity, -.infinity, 11, -11]
    )
    func refusesNonsense(wrong: Float) {
        let zeros = [Float](repeating: 0, count: 8)

        #expect(NetworkCoordinate(place: zeros, height: 0, error: 0) != nil)
        #expect(NetworkCoordinate(place: zeros.dropLast() + [wrong], height: 0, error: 0) == nil)
        #expect(NetworkCoordinate(place: zeros, height: wrong, error: 0) == nil)
        #expect(NetworkCoordinate(place: zeros, height: 0, error: wrong) == nil)
        #expect(NetworkCoordinate(place: [0], height: 0, error: 0) == nil)
    }
}
