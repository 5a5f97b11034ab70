import MeshPrimitives

/// Comparing views by short hashes, and telling only what differs.
///
///     asker --compare: own record, 256 hashes------------------> peer
///     asker <--comparison: its members in buckets that differ--- peer
///     asker --difference: own members there--------------------> peer (only if some differ)
///
/// Two equal views cost 1 KiB, however many members there are.
extension Membership {
    /// The question: this node's own word, and the hashes of all it knows.
    func comparison() -> MembershipMessage {
        self.message(
            .compare(digests: self.digest.buckets),
            updates: [.record(self.local.signed)]
        )
    }

    /// Answers with what this node knows where the views differ.
    mutating func compare(
        _ digests: [UInt32],
        with message: MembershipMessage,
        at now: MonotonicInstant
    ) -> MembershipMessage? {
        // A newcomer, or one that this node may not let in, is to tell and to hear everything.
        guard digests.count == ViewDigest.bucketCount, self.table.isPresent(message.sender) else {
            return self.answer(to: message, at: now)
        }
        self.mergeAll(message, at: now)
        let differing = self.digest.differences(from: digests)
        return self.message(
            .comparison(differing: differing),
            updates: self.news(in: differing, at: now)
        )
    }

    /// Tells a peer what this node knows where their views differed.
    mutating func tellDifference(
        _ differing: [UInt8],
        to peer: NodeID,
        at now: MonotonicInstant
    ) {
        guard !differing.isEmpty, let address = self.table[peer]?.profile.address else { return }
        let news = self.news(in: differing, at: now)
        self.pending.append(.stream(self.message(.difference, updates: news), to: address))
    }

    /// The hashes of all this node knows, itself included.
    private var digest: ViewDigest {
        var digest = self.table.digest
        var own = self.local
        own.state = own.state == .left ? .left : own.signed.record.state
        digest.toggle(own)
        return digest
    }

    /// All that can be said of the members of some buckets, as far as one stream frame holds it.
    private mutating func news(in buckets: [UInt8], at now: MonotonicInstant) -> [MemberUpdate] {
        guard !buckets.isEmpty else { return [] }
        let own = UInt8(NodeBucket.of(self.local.id))
        let others = self.rotated(self.table.members(in: buckets), at: now)
        return self.fitting((buckets.contains(own) ? [self.local] : []) + others, at: now)
    }
}
