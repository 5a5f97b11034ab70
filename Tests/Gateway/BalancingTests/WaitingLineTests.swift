import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("A line of requests that wait for a target")
struct WaitingLineTests {
    private static func line(_ capacity: Int = 4, patience: Int64 = 50) -> WaitingLine {
        WaitingLine(WaitingLine.Limits(capacity: capacity, patience: patience))
    }

    private static func serve(_ line: inout WaitingLine, at now: Int64) -> Int32 {
        let ticket = line.next(at: now)
        if ticket >= 0 { line.leave(ticket) }
        return ticket
    }

    @Test("serves the oldest of the most urgent first")
    func order() {
        var line = Self.line()
        for (ticket, urgency) in [(1, 3), (2, 5), (3, 0), (4, 3)] {
            #expect(line.enter(Int32(ticket), urgency: urgency, deadline: 0, at: 0) == .waits)
        }
        #expect((0..<5).map { _ in Self.serve(&line, at: 1) } == [3, 1, 4, 2, -1])
        #expect(line.isEmpty)
    }

    @Test("refuses an equal when it is full, and lets a more urgent one take a place")
    func full() {
        var line = Self.line(2)
        _ = line.enter(1, urgency: 3, deadline: 0, at: 0)
        _ = line.enter(2, urgency: 4, deadline: 0, at: 0)
        #expect(line.enter(3, urgency: 4, deadline: 0, at: 0) == .refused(.full))
        #expect(line.enter(4, urgency: 3, deadline: 0, at: 0) == .displaces(2))
        #expect(line.enter(5, urgency: 0, deadline: 0, at: 0) == .displaces(4), "the newest equal")
        #expect((0..<3).map { _ in Self.serve(&line, at: 0) } == [5, 1, -1])
    }

    @Test("takes nobody when nothing may wait")
    func closed() {
        var none = Self.line(0)
        #expect(none.enter(1, urgency: 0, deadline: 0, at: 0) == .refused(.full))
        var impatient = Self.line(patience: 0)
        #expect(impatient.enter(1, urgency: 0, deadline: 0, at: 0) == .refused(.full))
    }

    @Test("lets nobody wait longer than its patience")
    func patience() {
        var line = Self.line()
        _ = line.enter(1, urgency: 3, deadline: 0, at: 10)
        _ = line.enter(2, urgency: 0, deadline: 0, at: 30)
        #expect(line.nextExpiry == 60)
        #expect(line.expired(at: 59) == nil)
        #expect(line.expired(at: 60)?.ticket == 1)
        #expect(line.expired(at: 60)?.refusal == .overdue)
        line.leave(1)
        #expect(line.expired(at: 79) == nil)
        #expect(line.expired(at: 80)?.ticket == 2)
    }

    @Test("refuses at once who would be late by what others take, and keeps who would not")
    func deadline() {
        var line = Self.line(100)
        _ = line.enter(0, urgency: 3, deadline: 0, at: 0)
        for time in 0..<20 { line.countEnd(after: 20, at: Int64(time * 10)) }
        // Ten ends in 100 ms: one waits for 10 ms, and then takes 20 ms itself.
        line.leave(0)
        _ = line.enter(1, urgency: 3, deadline: 0, at: 200)
        #expect(line.enter(2, urgency: 3, deadline: 220, at: 200) == .refused(.late))
        #expect(line.enter(3, urgency: 3, deadline: 240, at: 200) == .waits)
        #expect(line.enter(4, urgency: 2, deadline: 224, at: 200) == .waits, "nobody is before it")
        #expect(line.expired(at: 205)?.ticket == 4, "it can no longer be in time")
        #expect(line.expired(at: 205)?.refusal == .late)
    }

    @Test("refuses at once who would wait too long")
    func tooLong() {
        var line = Self.line(100)
        _ = line.enter(0, urgency: 3, deadline: 0, at: 0)
        for time in 0..<20 { line.countEnd(after: 20, at: Int64(time * 10)) }
        line.leave(0)
        let entries = (1...8).map { line.enter($0, urgency: 3, deadline: 0, at: 200) }
        #expect(entries.prefix(6).allSatisfy { $0 == .waits }, "10 ms for each that is before")
        #expect(entries.last == .refused(.full))
        #expect(line.enter(9, urgency: 2, deadline: 0, at: 200) == .waits)
    }

    @Test(
        "serves the newest first when it has not been empty for 100 ms, and then drops the oldest"
    )
    func overload() {
        var line = Self.line(3, patience: 1_000)
        for ticket in 1...3 {
            _ = line.enter(Int32(ticket), urgency: 3, deadline: 0, at: Int64(ticket))
        }
        #expect(line.next(at: 100) == 1)
        #expect(line.next(at: 101) == 3)
        #expect(line.enter(4, urgency: 3, deadline: 0, at: 101) == .displaces(1))
        #expect(line.enter(5, urgency: 4, deadline: 0, at: 101) == .refused(.full))
        #expect((0..<3).map { _ in Self.serve(&line, at: 102) } == [4, 3, 2])
        _ = line.enter(6, urgency: 3, deadline: 0, at: 103)
        _ = line.enter(7, urgency: 3, deadline: 0, at: 104)
        #expect(line.next(at: 105) == 6, "an empty moment ends it")
    }

    @Test("loses and invents nobody in a thousand random steps")
    func randomSteps() {
        var random = SeededGenerator(seed: 7)
        var line = Self.line(16, patience: 30)
        var inside: Set<Int32> = []
        for step in 0..<1_000 {
            let now = Int64(step * 3)
            switch random.next(below: 4) {
            case 0, 1:
                let ticket = Int32(step)
                switch line.enter(
                    ticket,
                    urgency: random.next(below: 8),
                    deadline: random.next(below: 2) == 0 ? 0 : now + 20,
                    at: now
                ) {
                case .waits: inside.insert(ticket)
                case .displaces(let other):
                    #expect(inside.remove(other) != nil)
                    inside.insert(ticket)
                case .refused: break
                }
            case 2:
                let ticket = Self.serve(&line, at: now)
                #expect(ticket < 0 ? inside.isEmpty : inside.remove(ticket) != nil)
                line.countEnd(after: 5, at: now)
            default:
                while let expired = line.expired(at: now) {
                    #expect(inside.remove(expired.ticket) != nil)
                    line.leave(expired.ticket)
                }
            }
            #expect(line.count == inside.count)
        }
    }
}
