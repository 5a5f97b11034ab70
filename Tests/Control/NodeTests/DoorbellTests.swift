import MeshHealth
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("A doorbell")
struct DoorbellTests {
    private func after(_ duration: Duration) -> MonotonicInstant {
        NodeClock.now.advanced(by: duration)
    }

    @Test("wakes who waits, and once who waits after any number of rings")
    func rings() async {
        let bell = Doorbell()
        for _ in 0..<100 { bell.ring() }
        #expect(await bell.wait(until: nil))
        let begun = NodeClock.now
        #expect(await bell.wait(until: self.after(.milliseconds(30))))
        #expect(begun.duration(to: NodeClock.now) >= .milliseconds(25), "no ring is left")

        async let waiting = bell.wait(until: self.after(.seconds(60)))
        bell.ring()
        #expect(await waiting)
        #expect(begun.duration(to: NodeClock.now) < .seconds(30))
    }

    @Test("ends every wait when it is over")
    func ends() async {
        let bell = Doorbell()
        async let waiting = bell.wait(until: nil)
        bell.end()
        #expect(await !waiting)
        #expect(await !bell.wait(until: self.after(.seconds(60))))
    }

    @Test("leaves nobody waiting when the task is cancelled")
    func cancelled() async {
        let bell = Doorbell()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<3 { group.addTask { await bell.wait(until: nil) } }
            group.cancelAll()
            for await isRung in group { #expect(!isRung) }
        }
    }
}

@Suite("The health machine's inbox")
struct HealthInboxTests {
    @Test("drops no configuration, and sums up what workers saw, however much comes")
    func sumsUp() {
        let inbox = HealthInbox()
        inbox.add { $0.peers = [HealthPeer(id: NodeID(high: 0, low: 1), region: "eu")] }
        inbox.add { $0.upstreams = [] }
        for number in 0..<20_000 {
            var seen = TargetObservation(id: TargetID(rawValue: UInt64(number % 10)))
            seen.connectFailures = 1
            seen.statuses = [.init(status: number % 2 == 0 ? 200 : 500, count: 1)]
            inbox.observed([seen])
        }
        let batch = inbox.take()

        #expect(batch.peers?.count == 1 && batch.upstreams != nil)
        #expect(batch.observations.count == 10)
        #expect(batch.observations.values.allSatisfy { $0.connectFailures == 2_000 })
        #expect(batch.observations.values.allSatisfy { $0.answers == 2_000 })
        #expect(inbox.take().observations.isEmpty)
    }
}
