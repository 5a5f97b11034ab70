import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A suspicion table")
struct SuspicionTableTests {
    private static func table() -> SuspicionTable {
        var table = SuspicionTable(configuration: .lan)
        table.begin(accusation(2, .suspect, by: 3), at: instant(0))
        return table
    }

    private static func among(_ trusted: Int, hold: Duration? = nil) -> SuspicionTable.Circumstances
    {
        SuspicionTable.Circumstances(trusted: trusted, hold: hold)
    }

    @Test("waits longest without confirmation, and shortest with enough of them")
    func shortens() {
        var table = Self.table()
        #expect(table.deadline(Self.among(3)) == instant(18))

        _ = table.confirm(accusation(2, .suspect, by: 4), at: instant(1))
        let once = table.deadline(Self.among(3)) ?? instant(0)
        #expect(once > instant(8) && once < instant(9))

        _ = table.confirm(accusation(2, .suspect, by: 5), at: instant(1))
        #expect(table.deadline(Self.among(3)) == instant(3))
    }

    @Test("counts every accuser once, and no more than needed")
    func countsOnce() {
        var table = Self.table()

        let counted = [3, 4, 4, 5, 6].map {
            table.confirm(accusation(2, .suspect, by: $0), at: instant(1))
        }
        let foreign = table.confirm(accusation(9, .suspect, by: 6), at: instant(1))

        #expect(counted == [false, true, false, true, false])
        #expect(!foreign)
    }

    @Test("waits for no more confirmations than there are members who could give them")
    func countsTheLiving() {
        var table = Self.table()
        #expect(table.deadline(Self.among(0)) == instant(3))
        #expect(table.deadline(Self.among(1)) == instant(18))

        _ = table.confirm(accusation(2, .suspect, by: 4), at: instant(1))
        #expect(table.deadline(Self.among(1)) == instant(3))
    }

    @Test("does not wait long for whoever was not heard in this run")
    func expiresUnproven() {
        var table = SuspicionTable(configuration: .lan)
        table.begin(accusation(2, .suspect, by: 3), isUnproven: true, at: instant(0))

        #expect(table.deadline(Self.among(50)) == instant(3))
        #expect(table.deadline(Self.among(50, hold: .seconds(60))) == instant(78))
    }

    @Test("holds unconfirmed suspicions longer while isolated, and confirmed ones not")
    func holds() {
        var table = Self.table()
        let isolated = Self.among(3, hold: .seconds(60))
        #expect(table.due(isolated, at: instant(77)) == [])
        #expect(table.deadline(Self.among(0, hold: .seconds(60))) == instant(78), "alone")

        _ = table.confirm(accusation(2, .suspect, by: 4), at: instant(1))
        _ = table.confirm(accusation(2, .suspect, by: 5), at: instant(1))
        #expect(table.due(isolated, at: instant(3)) == [node(2)])
        table.end(node(2))
        #expect(table.deadline(isolated) == nil)
    }

    @Test("gives time back that the node was not running")
    func postpones() {
        var table = Self.table()

        table.postpone(by: .seconds(10))

        #expect(table.due(Self.among(3), at: instant(27)) == [])
        #expect(table.due(Self.among(3), at: instant(28)) == [node(2)])
    }

    @Test("ends soon after others have declared the suspect failed, isolated or not")
    func takesVerdicts() {
        var table = Self.table()
        table.declare(node(2))

        #expect(table.deadline(Self.among(3)) == instant(2))
        #expect(table.deadline(Self.among(3, hold: .seconds(60))) == instant(2))
    }
}
