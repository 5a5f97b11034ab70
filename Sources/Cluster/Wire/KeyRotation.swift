public import MeshMembership
import MeshPrimitives

/// Changing the ring's keys in a running mesh: stage a new one everywhere, seal with it, retire the old.
///
///     stage: all open with it --> activate: all seal with it --> retire: nobody opens with the old
///
/// Each step is refused while it would cut a member off.
public enum KeyRotation {
    /// One step.
    public enum Step: Equatable, Sendable {
        /// Draw a new key; it opens, and does not seal.
        case stage
        /// Seal with the key of this epoch.
        case activate(UInt16)
        /// Take the key of this epoch out.
        case retire(UInt16)
    }

    /// Why a step is not taken.
    public indirect enum Refusal: Error, Equatable, Sendable {
        /// No key of this epoch is in the ring.
        case unknownEpoch(UInt16)
        /// The key seals, so it cannot be retired.
        case isSealing(UInt16)
        /// The ring is full.
        case full
        /// These members do not hold the ring of the step before.
        case lacking([String])
        /// These members are away and would be cut off when they come back; may be forced.
        case away([String])
    }

    /// Judges a step.
    ///
    /// - Parameters:
    ///   - step: what is wanted.
    ///   - ring: the ring of the node that is asked.
    ///   - members: all members; those that left do not matter.
    ///   - isForced: whether members that are away may be cut off.
    /// - Returns: the ring after the step.
    /// - Throws: ``Refusal``.
    public static func ring(
        after step: Step,
        of ring: KeyRing,
        members: [Member],
        isForced: Bool
    ) throws(Refusal) -> KeyRing {
        let next = try Self.next(step, ring)
        let epoch: UInt16? =
            switch step {
            case .stage: nil
            case .activate(let epoch): epoch
            case .retire: ring.sealingEpoch
            }
        // Everybody has to hold what the next step builds on, and to have taken the last one.
        let wanted = ring.inventory
        let lacks = { (member: Member) in
            let held = member.signed.record.ring
            guard let epoch,
                !wanted.keys.filter({ $0.epoch == epoch }).allSatisfy(held.keys.contains)
            else {
                if case .retire(let old) = step { return held.sealingEpoch == old }
                return false
            }
            return true
        }
        let lacking = members.filter { $0.state.isPresent && lacks($0) }
        guard lacking.isEmpty else { throw .lacking(lacking.map(\.profile.name)) }
        let away = members.filter { $0.state == .failed && lacks($0) }
        guard isForced || away.isEmpty else { throw .away(away.map(\.profile.name)) }
        return next
    }

    private static func next(_ step: Step, _ ring: KeyRing) throws(Refusal) -> KeyRing {
        var secrets = ring.secrets
        var sealing = ring.sealingEpoch
        switch step {
        case .stage:
            let (epoch, overflow) = (ring.epochs.last ?? 0).addingReportingOverflow(1)
            guard secrets.count < KeyRing.maximumKeyCount, !overflow else { throw .full }
            secrets[epoch] = Sodium.entropy(byteCount: Sodium.keyByteCount)
        case .activate(let epoch):
            guard secrets[epoch] != nil else { throw .unknownEpoch(epoch) }
            sealing = epoch
        case .retire(let epoch):
            guard epoch != ring.sealingEpoch else { throw .isSealing(epoch) }
            guard secrets.removeValue(forKey: epoch) != nil else { throw .unknownEpoch(epoch) }
        }
        let (version, overflow) = ring.version.addingReportingOverflow(1)
        guard !overflow,
            let next = KeyRing(version: version, sealingEpoch: sealing, secrets: secrets)
        else { throw .full }
        return next
    }
}

extension KeyRotation.Refusal: CustomStringConvertible {
    /// One sentence for the operator: what stands in the way, and what to do.
    public var description: String {
        switch self {
        case .unknownEpoch(let epoch): "the ring has no key \(epoch); see meshctl keys list"
        case .isSealing(let epoch):
            "key \(epoch) seals; activate another one first"
        case .full: "the ring has \(KeyRing.maximumKeyCount) keys; retire one first"
        case .lacking(let names):
            "\(names.joined(separator: ", ")) would be cut off: not there yet, try again in some "
                + "seconds; see meshctl keys list"
        case .away(let names):
            "\(names.joined(separator: ", ")) is away and would be cut off; start it first, forget "
                + "it, or give --force"
        }
    }
}
