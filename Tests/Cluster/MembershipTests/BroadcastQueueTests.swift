import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A broadcast queue")
struct BroadcastQueueTests {
    @Test("fills the room to the byte")
    func packsExactly() {
        var queue = BroadcastQueue()
        for number in UInt64(10)...14 { queue.insert(claim(number, .alive)) }
        let size = claim(10, .alive).wireByteCount

        #expect(queue.take(fitting: size * 3, sendLimit: 9).count == 3)
        #expect(queue.take(fitting: size * 3 - 1, sendLimit: 9).count == 2)
    }

    @Test("sends what was sent least first, and the newest of those")
    func ordersByUse() {
        var queue = BroadcastQueue()
        queue.insert(claim(10, .alive))
        let size = claim(10, .alive).wireByteCount
        _ = queue.take(fitting: size, sendLimit: 9)
        queue.insert(claim(11, .alive))
        queue.insert(claim(12, .alive))

        let taken = queue.take(fitting: size * 3, sendLimit: 9)

        #expect(taken.map(\.profile.id) == [12, 11, 10].map(node))
    }

    @Test("drops a claim that was sent often enough")
    func boundsSends() {
        var queue = BroadcastQueue()
        queue.insert(claim(10, .alive))

        let sends = (0..<10).map { _ in queue.take(fitting: 1_000, sendLimit: 4).count }

        #expect(sends.reduce(0, +) == 4)
        #expect(queue.isEmpty)
    }

    @Test("holds one claim per member, but suspicions of each accuser")
    func replaces() {
        var queue = BroadcastQueue()
        queue.insert(claim(2, .alive))
        queue.insert(claim(2, .suspect, by: 3))
        queue.insert(claim(2, .suspect, by: 4))
        queue.insert(claim(2, .suspect, by: 4))
        #expect(queue.count == 2)

        queue.insert(claim(2, .failed, by: 4))
        #expect(queue.count == 1)
    }

    @Test("never grows beyond its limit")
    func isBounded() {
        var queue = BroadcastQueue()
        for number in 0..<UInt64(BroadcastQueue.limit + 3) {
            queue.insert(claim(number, .alive))
        }

        #expect(queue.count == BroadcastQueue.limit)
    }

    @Test("keeps a membership's datagrams under the limit")
    func datagramsFit() {
        var bench = Bench(peers: 0)
        bench.hear(message(.gossip, from: 2, (2...60).map { claim($0, .alive) }), at: 0)

        let sent = bench.run(from: 0, to: 3).sent

        let largest = sent.map(\.message.wireByteCount).max() ?? 0
        #expect(largest <= MembershipConfiguration.lan.datagramByteLimit)
        #expect(largest > 1_200)
    }
}
