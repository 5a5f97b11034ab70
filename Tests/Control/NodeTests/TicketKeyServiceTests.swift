import MeshWire
import Synchronization
import Testing

@testable import MeshNode

@Suite("The service of ticket keys")
struct TicketKeyServiceTests {
    private let schedule = TicketSchedule(
        keyRing: KeyRing(secret: Array(0..<32)),
        clusterName: "m",
        rotation: .seconds(60)
    )

    @Test("changes keys when the wall clock enters a new period")
    func periods() {
        #expect(self.schedule.period(at: 0) == 0)
        #expect(self.schedule.period(at: 59_999) == 0)
        #expect(self.schedule.period(at: 60_000) == 1)
        #expect(self.schedule.rest(at: 0) == 60_000)
        #expect(self.schedule.rest(at: 59_999) == 1)
    }

    @Test("keeps a session of one period resumable through the next")
    func overlap() {
        let before = self.schedule.secrets(of: 4)
        let after = self.schedule.secrets(of: 5)

        #expect(after.accepted.contains(before.current))
        #expect(before.accepted.contains(after.current))
    }

    @Test("installs each period once, whatever the clock does", .timeLimit(.minutes(1)))
    func installs() async throws {
        let clock = Mutex<[UInt64]>([59_999, 60_000, 120_000])
        let (installed, inlet) = AsyncStream.makeStream(of: TicketSecrets.self)
        let service = TicketKeyService(
            schedule: self.schedule,
            install: { inlet.yield($0) },
            now: { clock.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }
        )

        let running = Task { try await service.run() }
        var periods = installed.makeAsyncIterator()
        let first = await periods.next()
        let second = await periods.next()
        running.cancel()
        try await running.value

        #expect(first == self.schedule.secrets(of: 0))
        #expect(second == self.schedule.secrets(of: 1))
    }
}
