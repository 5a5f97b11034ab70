import MeshDashboard
import Testing

@Suite("What a dashboard is told")
struct BoardLedgerTests {
    private static func keys(_ change: BoardChange) -> [String] { change.facts.map(\.key) }

    @Test("everything at first, then only what has changed")
    func deltas() {
        var ledger = BoardLedger(epoch: "e")
        let isFirst = ledger.replace(with: ["a": "1", "b": "2"])
        let first = ledger.change(after: nil)
        #expect(isFirst)
        #expect(first.isReset)
        #expect(Self.keys(first) == ["a", "b"])

        let isNew = ledger.replace(with: ["a": "1", "b": "3", "c": "4"])
        let second = ledger.change(after: first.mark)
        #expect(isNew)
        #expect(!second.isReset)
        #expect(Self.keys(second) == ["b", "c"])

        let isNewAgain = ledger.replace(with: ["a": "1", "b": "3", "c": "4"])
        #expect(!isNewAgain)
        #expect(ledger.change(after: second.mark).isEmpty)
    }

    @Test("who was away gets all that he missed as one change")
    func resume() {
        var ledger = BoardLedger(epoch: "e")
        _ = ledger.replace(with: ["a": "1", "b": "2"])
        let mark = ledger.change(after: nil).mark
        _ = ledger.replace(with: ["a": "2"])
        _ = ledger.replace(with: ["a": "3", "d": "4"])

        let missed = ledger.change(after: mark)

        #expect(missed.facts.map(\.json) == ["3", "4"])
        #expect(missed.gone == ["b"])
    }

    @Test("a key that comes back is not gone")
    func back() {
        var ledger = BoardLedger(epoch: "e")
        _ = ledger.replace(with: ["a": "1"])
        let mark = ledger.change(after: nil).mark
        _ = ledger.replace(with: [:])
        _ = ledger.replace(with: ["a": "1"])

        #expect(ledger.change(after: mark).gone.isEmpty)
        #expect(Self.keys(ledger.change(after: mark)) == ["a"])
    }

    @Test(
        "marks of another process, of the future and of nobody begin again",
        arguments: ["f-1", "e-9", "e", "", "e-", "e-1-1", "e--1", "e-99999999999999999999"]
    )
    func strangeMarks(mark: String) {
        var ledger = BoardLedger(epoch: "e")
        _ = ledger.replace(with: ["a": "1"])

        #expect(ledger.change(after: mark).isReset)
    }

    @Test("who was away while more keys went than are remembered begins again")
    func forgotten() {
        var ledger = BoardLedger(epoch: "e")
        let many = (0...BoardLedger.goneLimit).map { ("k\($0)", "1") }
        _ = ledger.replace(with: Dictionary(uniqueKeysWithValues: many))
        let mark = ledger.change(after: nil).mark
        _ = ledger.replace(with: ["a": "1"])

        #expect(ledger.change(after: mark).isReset)
        let now = ledger.change(after: nil).mark
        _ = ledger.replace(with: ["a": "2"])
        #expect(!ledger.change(after: now).isReset)
    }

    @Test("keys are JSON strings whatever they contain (RFC 8259 7)")
    func escaping() {
        var ledger = BoardLedger(epoch: "e")
        _ = ledger.replace(with: ["\"\\\n<b>\u{1}": "1"])

        #expect(
            ledger.change(after: nil).json
                == #"{"mark":"e-1","reset":true,"set":{"\"\\\u000a<b>\u0001":1},"gone":[]}"#
        )
    }

    @Test("a watcher who is slow gets several changes as one, and the end")
    func watching() async {
        let board = Board(epoch: "e")
        board.replace(with: ["a": "1"])
        var changes = board.changes(after: nil).makeAsyncIterator()
        #expect(board.isWatched)
        #expect(await changes.next()?.isReset == true)

        board.replace(with: ["a": "2"])
        board.replace(with: ["a": "3", "b": "1"])
        let both = await changes.next()
        board.end()

        #expect(both.map(Self.keys) == ["a", "b"])
        #expect(await changes.next() == nil)
        var late = board.changes(after: nil).makeAsyncIterator()
        #expect(await late.next() == nil)
    }

    @Test("every file of the page is there, and nothing else is")
    func files() {
        let page = String(decoding: DashboardPage.index.bytes, as: UTF8.self)
        #expect(page.contains("/mesh/ui/app.js"))
        let names = [
            "app.css", "app.js", "charts.js", "dom.js", "feed.js", "model.js", "mesh-views.js",
            "traffic-views.js", "change-views.js", "icon.svg",
        ]
        for name in names {
            #expect((DashboardPage.file(name)?.bytes.count ?? 0) > 100, "\(name)")
        }
        #expect(DashboardPage.file("index.html") == nil)
        #expect(DashboardPage.file("../Package.swift") == nil)
        let total = names.compactMap { DashboardPage.file($0)?.bytes.count }.reduce(0, +)
        #expect(total < 150_000)
    }
}
