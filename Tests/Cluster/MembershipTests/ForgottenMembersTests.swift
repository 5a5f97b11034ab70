import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A member that was dropped")
struct ForgottenMembersTests {
    private let now = MonotonicInstant(nanoseconds: 1_000_000_000)
    private let id = NodeID(high: 1, low: 2)
    private let accuser = NodeID(high: 1, low: 3)

    @Test("does not come back by old news; others are told so, but not for want of room here")
    func told() {
        for isTold in [true, false] {
            var forgotten = ForgottenMembers()
            forgotten.insert(self.id, incarnation: 7, since: self.now, isTold: isTold)
            #expect(forgotten.covers(self.id, incarnation: 7))
            #expect(!forgotten.covers(self.id, incarnation: 8))
            let accusation = forgotten.accusation(of: self.id, by: self.accuser, at: self.now)
            #expect((accusation != nil) == isTold)
            #expect(forgotten.all(by: self.accuser, at: self.now).count == (isTold ? 1 : 0))
        }
    }
}
