import Logging
import MeshReports
import Testing

@testable import MeshNode

@Suite("The event log")
struct EventLogTests {
    private let lines = LogLines()
    private let log: EventLog

    init() { self.log = EventLog(observer: "eu-1", logger: self.lines.logger) }

    private func add(_ type: EventType) {
        self.log.add(.node, type, subject: "x", message: "something")
    }

    @Test("resumes after the event that a watcher saw last, then goes on with new ones")
    func resumes() async {
        for type in [EventType.joined, .suspect, .alive] { self.add(type) }
        var events = self.log.events(after: 1).makeAsyncIterator()
        self.add(.failed)

        let seen = [await events.next(), await events.next(), await events.next()]

        #expect(seen.map { $0?.type } == ["suspect", "alive", "failed"])
        #expect(seen.compactMap { $0?.id } == [2, 3, 4])
        #expect(seen.allSatisfy { $0?.observer == "eu-1" })
    }

    @Test("counts events by type")
    func counted() {
        for type in [EventType.joined, .suspect, .joined] { self.add(type) }

        #expect(self.log.counts == [.joined: 2, .suspect: 1])
    }

    @Test("replays everything to a watcher that saw a higher number before the node restarted")
    func restarted() async {
        self.add(.joined)
        var events = self.log.events(after: 500).makeAsyncIterator()

        #expect(await events.next()?.type == "joined")
    }

    @Test("tells each event in the log, too, under its type and at its severity, with all facts")
    func told() throws {
        self.log.add(
            .health,
            .targetExcluded,
            subject: "10.0.0.1:80",
            message: "it is out",
            details: ["upstream": "orders"]
        )

        let line = try #require(self.lines.all.first)
        #expect(line.level == .error)
        #expect(line.message == "it is out")
        let facts = ["event": "target-excluded", "subject": "10.0.0.1:80", "upstream": "orders"]
        #expect(line.metadata == facts.mapValues { .string($0) })
    }

    @Test("keeps a bounded number of events")
    func bounded() async {
        for _ in 0..<(EventLog.capacity * 2) { self.add(.signal) }
        self.log.end()
        let late = self.log.events(after: 0)
        var count = 0
        for await _ in late { count += 1 }

        #expect(count == 0, "an ended log ends its streams at once")
    }

    @Test("refuses watchers over the limit instead of growing")
    func watcherLimit() async {
        let streams = (0..<EventLog.watcherLimit).map { _ in self.log.events(after: nil) }
        var refused = self.log.events(after: nil).makeAsyncIterator()

        #expect(await refused.next() == nil)
        #expect(streams.count == EventLog.watcherLimit)
    }
}
