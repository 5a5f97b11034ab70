import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A suspicion table")
struct SuspicionTableTests {
    private static func table() -> SuspicionTable {
        var table = SuspicionTable(configuration: .lan)
        table.begin(node(2), accuser: node(3), memberCount: 5, at: instant(0))
        return table
    }

    @Test("waits longest without confirmation, and shortest with enough of them")
    func shortens() {
        var table = Self.table()
        #expect(table.deadline(holding: nil) == instant(24))

        _ = table.confirm(node(2), accuser: node(4))
        let once = table.deadline(holding: nil) ?? instant(0)
        #expect(once > instant(10) && once < instant(13))

        _ = table.confirm(node(2), accuser: node(5))
        #expect(table.deadline(holding: nil) == instant(4))
    }

    @Test("counts every accuser once, and no more than needed")
    func countsOnce() {
        var table = Self.table()

        let counted = [3, 4, 4, 5, 6].map { table.confirm(node(2), accuser: node($0)) }
        let foreign = table.confirm(node(9), accuser: node(6))

        #expect(counted == [false, true, false, true, false])
        #expect(!foreign)
    }

    @Test("waits longer in larger clusters, and shortest where nobody could confirm")
    func scales() {
        var table = SuspicionTable(configuration: .lan)
        table.begin(node(2), accuser: node(3), memberCount: 2, at: instant(0))
        #expect(table.deadline(holding: nil) == instant(4))

        table.begin(node(2), accuser: node(3), memberCount: 100, at: instant(0))
        let found = table.deadline(holding: nil) ?? instant(0)
        #expect(abs(found.nanoseconds - 48_000_000_000) < 1_000_000)
    }

    @Test("holds unconfirmed suspicions longer while isolated, and confirmed ones not")
    func holds() {
        var table = Self.table()
        #expect(table.expire(holding: .seconds(60), at: instant(83)) == [])

        _ = table.confirm(node(2), accuser: node(4))
        _ = table.confirm(node(2), accuser: node(5))
        #expect(table.expire(holding: .seconds(60), at: instant(4)) == [node(2)])
        #expect(table.deadline(holding: nil) == nil)
    }

    @Test("gives time back that the node was not running")
    func postpones() {
        var table = Self.table()

        table.postpone(by: .seconds(10))

        #expect(table.expire(holding: nil, at: instant(33)) == [])
        #expect(table.expire(holding: nil, at: instant(34)) == [node(2)])
    }
}
