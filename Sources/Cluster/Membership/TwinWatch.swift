import MeshPrimitives

/// Tells a restored disk from a copied one, when peers know another start of this node's identity.
///
///     foreign start heard --> count on past it --> the same start answers that --> it lives: a twin
///
/// Of two that live the one with fewer starts stays: a copy has started once more than what it was
/// copied from. With equally many the lower address stays. The other one falls silent.
struct TwinWatch: Sendable {
    /// What to make of a record of this identity that this process has not signed.
    enum Finding: Equatable {
        /// Old news.
        case stale
        /// Of an earlier start, or of a twin: count on past it.
        case older
        /// Of a living twin, which has to yield to this node.
        case junior
        /// Of a living twin, to which this node has to yield.
        case senior
    }

    private var passed: (start: MemberStart, by: UInt64)?

    /// Whether a record of another start is not older than this one: at as high an incarnation, or of the same
    /// number while this start has not counted on past it.
    static func concerns(_ foreign: MemberRecord, own: MemberRecord) -> Bool {
        foreign.incarnation >= own.incarnation
            || (foreign.start.boot == own.start.boot
                && MemberStart.boot(of: own.incarnation) == own.start.boot)
    }

    /// Judges a genuine record of this identity.
    func judge(_ foreign: MemberRecord, own: MemberRecord) -> Finding {
        guard foreign.start != own.start, Self.concerns(foreign, own: own) else { return .stale }
        guard let passed = self.passed, passed.start == foreign.start,
            foreign.incarnation >= passed.by
        else { return .older }
        return Self.rank(own) < Self.rank(foreign) ? .junior : .senior
    }

    /// Notes that this node has counted on past a start, to an incarnation that start cannot have
    /// used before.
    mutating func pass(_ start: MemberStart, by incarnation: UInt64) {
        self.passed = (start, incarnation)
    }

    private static func rank(_ record: MemberRecord) -> (UInt64, String, UInt64) {
        (record.start.boot, "\(record.profile.address)", record.start.token)
    }
}
