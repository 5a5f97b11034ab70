import MeshDissemination
import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A membership's broadcast queue")
struct BroadcastQueueTests {
    @Test("holds one record and one verdict per member, but suspicions of each accuser")
    func replaces() {
        var queue = BroadcastQueue<MemberUpdate>(limit: 100)
        queue.insert(claim(2, .alive))
        queue.insert(claim(2, .suspect, by: 3))
        queue.insert(claim(2, .suspect, by: 4))
        queue.insert(claim(2, .suspect, by: 4))
        #expect(queue.count == 3)

        queue.insert(claim(2, .failed, by: 4))
        #expect(queue.count == 2, "the record that the verdict is about still travels")

        queue.insert(claim(2, .alive, 2))
        #expect(queue.count == 1)
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
