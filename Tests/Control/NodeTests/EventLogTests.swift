import MeshReports
import Testing

@testable import MeshNode

@Suite("The event log")
struct EventLogTests {
    private let log = EventLog(observer: "eu-1")

    private func add(_ type: String) {
        self.log.add(.node, type, subject: "x", message: "something")
    }

    @Test("resumes after the event that a watcher saw last, then goes on with new ones")
    func resumes() async {
        for type in ["one", "two", "three"] { self.add(type) }
        var events = self.log.events(after: 1).makeAsyncIterator()
        self.add("four")

        let seen = [await events.next(), await events.next(), await events.next()]

        #expect(seen.map { $0?.type } == ["two", "three", "four"])
        #expect(seen.compactMap { $0?.id } == [2, 3, 4])
        #expect(seen.allSatisfy { $0?.observer == "eu-1" })
    }

    @Test("replays everything to a watcher that saw a higher number before the node restarted")
    func restarted() async {
        self.add("one")
        var events = self.log.events(after: 500).makeAsyncIterator()

        #expect(await events.next()?.type == "one")
    }

    @Test("keeps a bounded number of events")
    func bounded() async {
        for _ in 0..<(EventLog.capacity * 2) { self.add("tick") }
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
