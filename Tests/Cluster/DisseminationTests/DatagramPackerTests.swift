import MeshDissemination
import MeshPrimitives
import Testing

/// Lanes of equal items, and what was sent of each.
private struct Lanes {
    var waiting: [Int]
    let sizes: [Int]
    var sent: [Int]

    init(_ waiting: [Int], sizes: [Int]) {
        self.waiting = waiting
        self.sizes = sizes
        self.sent = waiting.map { _ in 0 }
    }

    mutating func take(_ lane: Int, _ room: Int) -> Int {
        let count = min(self.waiting[lane], room / self.sizes[lane])
        self.waiting[lane] -= count
        self.sent[lane] += count * self.sizes[lane]
        return count * self.sizes[lane]
    }

    mutating func fill(_ packer: inout DatagramPacker, _ byteCount: Int) -> Int {
        var lanes = self
        let waiting = self.waiting
        let used = packer.fill(
            byteCount: byteCount,
            isWaiting: { waiting[$0] > 0 },
            take: { lanes.take($0, $1) }
        )
        self = lanes
        return used
    }
}

@Suite("A datagram packer")
struct DatagramPackerTests {
    @Test("gives every busy lane its share")
    func sharesBytes() {
        var packer = DatagramPacker(weights: [5, 3, 2])
        var lanes = Lanes([100_000, 100_000, 100_000], sizes: [10, 10, 10])
        var used = 0
        for _ in 0..<100 { used += lanes.fill(&packer, 1_000) }

        #expect(used == 100_000)
        #expect(lanes.sent == [50_000, 30_000, 20_000])
    }

    @Test("gives what a lane leaves to the others")
    func passesRestOn() {
        var packer = DatagramPacker(weights: [5, 3, 2])
        var lanes = Lanes([0, 0, 1_000], sizes: [10, 10, 10])

        #expect(lanes.fill(&packer, 1_000) == 1_000)
        #expect(lanes.sent == [0, 0, 1_000])
    }

    @Test("lets an item larger than its lane's share through in time, whatever the others have")
    func starvesNobody() {
        var packer = DatagramPacker(weights: [5, 3, 2])
        var lanes = Lanes([1_000_000, 1_000_000, 3], sizes: [10, 7, 1_000])
        var rounds = 0
        while lanes.sent[2] < 3_000, rounds < 100 {
            _ = lanes.fill(&packer, 1_000)
            rounds += 1
        }

        #expect(lanes.sent[2] == 3_000)
        #expect(rounds <= 18)
    }

    @Test("never uses more than the room, also against a lane that says it did")
    func isBounded() {
        var packer = DatagramPacker(weights: [1, 1])

        #expect(
            packer.fill(byteCount: 100, isWaiting: { _ in true }, take: { _, _ in 9_999 }) == 100
        )
        #expect(packer.fill(byteCount: 0, isWaiting: { _ in true }, take: { _, _ in 1 }) == 0)
    }
}

@Suite("A byte budget")
struct ByteBudgetTests {
    private func at(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("lets through its burst, then its rate")
    func limits() {
        var budget = ByteBudget(rate: 1_000, burst: 4_000)
        #expect(budget.available(at: self.at(0)) == 4_000)
        budget.spend(4_500, at: self.at(0))
        #expect(budget.available(at: self.at(0)) == -500)
        #expect(budget.available(at: self.at(1_500)) == 1_000)
        #expect(budget.available(at: self.at(600_000)) == 4_000)
    }

    @Test("loses nothing by being asked often, nor traps when the clock stands or jumps")
    func countsFractions() {
        var budget = ByteBudget(rate: 10, burst: 1_000)
        budget.spend(1_000, at: self.at(0))
        for millisecond in 1...1_000 { _ = budget.available(at: self.at(Int64(millisecond))) }
        #expect(budget.available(at: self.at(1_000)) == 10)
        budget.spend(.max, at: self.at(5))
        #expect(budget.available(at: MonotonicInstant(nanoseconds: .max)) == 1_000)
    }
}
