import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A latency distribution")
struct LatencyDistributionTests {
    @Test("knows every latency from 1 µs to 60 s to within 0.8 %")
    func isPrecise() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let exponent = generator.nextUnit() * 25.8
            let value = UInt64(exp2Approximate(exponent))
            let (page, cell) = LatencyScale.place(of: value)
            let (first, count) = LatencyScale.range(ofCell: page * 64 + cell)
            #expect(first <= value && value < first + count, "\(value)")
            let middle = Double(first + count / 2)
            #expect(abs(middle - Double(value)) <= max(0.5, Double(value) * 0.008), "\(value)")
        }
        #expect(LatencyScale.place(of: .max) == (20, 63))
        #expect(LatencyScale.place(of: 0) == (0, 0))
        #expect(LatencyScale.place(of: 63) == (0, 63))
        #expect(LatencyScale.place(of: 64) == (1, 0))
        #expect(LatencyScale.place(of: 67_108_863) == (20, 63))
    }

    /// A number between 1 and 2²⁶ whose logarithm is spread evenly.
    private func exp2Approximate(_ exponent: Double) -> Double {
        let whole = exponent.rounded(.down)
        return Double(sign: .plus, exponent: Int(whole), significand: 1 + exponent - whole)
    }

    @Test("gives quantiles and totals of all that was merged")
    func merges() {
        var sum = LatencyDistribution()
        for part in 0..<4 {
            let cells = LatencyCells()
            for value in stride(from: UInt64(part + 1), through: 10_000, by: 4) {
                cells.add(microseconds: value)
            }
            cells.read(into: &sum)
        }

        #expect(sum.count == 10_000)
        #expect(sum.sumMicroseconds == 50_005_000)
        for part in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let wanted = part * 10_000
            #expect(abs(Double(sum.quantile(part)) - wanted) <= max(1, wanted * 0.01), "\(part)")
        }
        #expect(abs(Int(sum.count(upToMicroseconds: 2_500)) - 2_500) <= 25)
        #expect(sum.count(upToMicroseconds: 20_000) == 10_000)
        #expect(sum.count(upToMicroseconds: 0) == 0)
        #expect(LatencyDistribution().quantile(0.5) == 0)
    }

    @Test("tells what came on top of an earlier state, also when another counter went back")
    func subtracts() {
        let cells = LatencyCells()
        cells.add(microseconds: 10)
        var early = LatencyDistribution()
        cells.read(into: &early)
        cells.add(microseconds: 10)
        cells.add(microseconds: 500)
        var late = LatencyDistribution()
        cells.read(into: &late)

        let between = late.subtracting(early)

        #expect((between.count, between.sumMicroseconds) == (2, 510))
        #expect(between.quantile(0.5) == 10)
        #expect(late.subtracting(LatencyDistribution()) == late)
        #expect(early.subtracting(late) == LatencyDistribution())
    }
}

@Suite("A route's statuses")
struct StatusTableTests {
    @Test("are counted apart by status and answerer, few or all of them")
    func counts() {
        let table = StatusTable()
        var generator = SeededGenerator(seed: 2)
        var wanted: [UInt16: [UInt64]] = [:]
        for round in 0..<30_000 {
            let span = round < 10_000 ? 3 : 900
            let status = UInt16(100 + generator.next(below: span))
            let isGateway = generator.next(below: 3) == 0
            wanted[status, default: [0, 0]][isGateway ? 1 : 0] += 1
            table.add(status, isGateway: isGateway)
        }
        table.add(7, isGateway: false)
        table.add(.max, isGateway: true)
        wanted[100]?[0] += 1
        wanted[999, default: [0, 0]][1] += 1

        var found: [UInt16: [UInt64]] = [:]
        table.read { status, isGateway, count in
            found[status, default: [0, 0]][isGateway ? 1 : 0] += count
        }
        #expect(found == wanted)
    }

    @Test("are read while they are written, and never too many")
    func isReadMeanwhile() async {
        let rows = RouteRows(Snapshot.RouteLabel(service: "s", route: "r"), workers: 2)
        let total: UInt64 = 5_000
        let writers = Writers()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<2 {
                group.addTask {
                    for number in 0..<total {
                        rows.first.ofWorker(worker).account(
                            RequestRecord(
                                status: UInt16(200 + number / 25 % 200),
                                requestNanoseconds: Int64(number) * 1_000_000,
                                gatewayNanoseconds: 0,
                                upstreamNanoseconds: number % 2 == 0 ? 5 : nil,
                                received: 1,
                                returned: 2
                            )
                        )
                    }
                    writers.done.add(1, ordering: .releasing)
                }
            }
            var last: UInt64 = 0
            while writers.done.load(ordering: .acquiring) < 2 {
                let sum = rows.sum()?.requests.reduce(0) { $0 + $1.count } ?? 0
                #expect(last <= sum && sum <= 2 * total)
                last = sum
                await Task.yield()
            }
        }
        let sum = rows.sum()

        #expect(sum?.requests.reduce(0) { $0 + $1.count } == 2 * total)
        #expect(sum?.requests.count == 400)
        #expect(sum?.latency.count == 2 * total)
        #expect(sum?.upstreamLatency.counts.reduce(0, +) == total)
        #expect(sum?.ingressBytes == 2 * total)
        #expect(sum?.egressBytes == 4 * total)
    }

    /// How many writers have ended.
    private final class Writers: Sendable {
        let done = Atomic<Int>(0)
    }

    @Test("a row without requests has no memory but its place")
    func isSparse() {
        let rows = RouteRows(Snapshot.RouteLabel(service: "s", route: "r"), workers: 8)

        #expect((0..<8).allSatisfy { rows.first.ofWorker($0).cells == nil })
        #expect(rows.sum() == nil)
    }
}
