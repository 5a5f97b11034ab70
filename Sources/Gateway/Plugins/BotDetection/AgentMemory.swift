import Synchronization

/// Remembers what was found out about agents, so that few requests pay for the regexes.
///
/// A table of fixed size without locks: one word per slot holds a keyed hash of the agent and the
/// verdict, a new agent takes the place of the one before. Two agents with the same bits of a hash
/// whose key nobody knows would be taken for each other.
final class AgentMemory: Sendable {
    private static let slotCount = 1_024

    private let slots = AtomicWords(count: AgentMemory.slotCount)

    /// The verdict on an agent; `find` is asked when it is not known.
    func verdict(on agent: UnsafeRawBufferPointer, find: () -> Bool) -> Bool {
        var hasher = Hasher()
        hasher.combine(bytes: agent)
        // The lowest bit carries the verdict; 0 is an empty slot.
        let hash = UInt64(bitPattern: Int64(hasher.finalize())) & ~1 | 2
        let slot = self.slots[Int(truncatingIfNeeded: hash >> 32 % UInt64(Self.slotCount))]
        let known = slot.pointee.load(ordering: .relaxed)
        if known & ~1 == hash { return known & 1 == 1 }
        let verdict = find()
        slot.pointee.store(hash | (verdict ? 1 : 0), ordering: .relaxed)
        return verdict
    }
}
