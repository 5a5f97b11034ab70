public import MeshDissemination
public import MeshPrimitives

/// One piece of news about a member, as it travels between nodes.
///
/// At equal incarnation the worse news wins; a record of a higher incarnation always wins. So news may
/// be repeated and reordered at will.
public enum MemberUpdate: Equatable, Sendable {
    /// What the member says of itself; how many seconds ago, of a goodbye, else for how many seconds it has
    /// been known, as far as the teller knows: 0 where the member tells news of itself.
    case record(SignedRecord, age: UInt32 = 0)
    /// What another says of it.
    case accusation(Accusation)

    /// Which version of the member the news is about.
    public var incarnation: UInt64 {
        switch self {
        case .record(let signed, _): signed.record.incarnation
        case .accusation(let accusation): accusation.incarnation
        }
    }

    /// The same news some seconds later.
    public func aged(by seconds: UInt32) -> MemberUpdate {
        switch self {
        case .record(let signed, let age):
            let (sum, overflow) = age.addingReportingOverflow(seconds)
            return .record(signed, age: overflow ? .max : sum)
        case .accusation(var accusation):
            let (sum, overflow) = accusation.age.addingReportingOverflow(seconds)
            accusation.age = overflow ? .max : sum
            return .accusation(accusation)
        }
    }
}

extension MemberUpdate: BroadcastItem {
    /// The member the news is about.
    public var subject: NodeID {
        switch self {
        case .record(let signed, _): signed.id
        case .accusation(let accusation): accusation.subject
        }
    }

    /// Bytes on the wire, record header included; the codec must not need more.
    ///
    /// Of a record: header 6, age 4, length 4, bytes, signature 64; 2 in reserve.
    public var wireByteCount: Int {
        switch self {
        case .record(let signed, _):
            16 + signed.bytes.count + SignedRecord.signatureByteCount
        case .accusation: Accusation.wireByteCount
        }
    }

    /// Whether the news comes in place of an older one about the same member.
    ///
    /// An accusation never does in place of the record that it is about; suspicions of one
    /// incarnation by different accusers stay side by side.
    public func replaces(_ older: MemberUpdate) -> Bool {
        switch (self, older) {
        case (.record, .record): true
        case (.record(let signed, _), .accusation(let old)):
            signed.record.hasLeft || old.incarnation < signed.record.incarnation
        case (.accusation(let new), .record): new.verdict == .forgotten
        case (.accusation(let new), .accusation(let old)):
            new.incarnation != old.incarnation || new.verdict != .suspect
                || (old.verdict == .suspect && new.accuser == old.accuser)
        }
    }
}
