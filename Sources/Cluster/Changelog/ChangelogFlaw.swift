/// Mistakes that ``Changelog`` can be told to make; no node ever does.
///
/// The simulation sees by them that it would find them.
package enum ChangelogFlaw: String, CaseIterable, Sendable {
    /// Calls a write safe when it is durable at its writer.
    case acknowledgesAlone
    /// Puts what comes late behind what it holds already.
    case appliesInOrderOfArrival
    /// Keeps of a refused changeset what came before the fault.
    case keepsPartOfRefused
    /// Tells nobody that a change met another one.
    case hidesConflicts
    /// Lets a changeset that came too late win over what was written meanwhile.
    case letsLateOnesWin
    /// Takes another content under a name that it holds for the one it holds.
    case ignoresOtherContents
    /// Forgets what it has set aside to write it again.
    case dropsDisplaced
    /// Leaves what is folded out of what it says that it holds.
    case forgetsFolded
    /// Waits for streams to a peer that only datagrams reach.
    case knowsStreamsOnly
    /// Takes a generation however far it lies ahead.
    case takesAnyGeneration
}
