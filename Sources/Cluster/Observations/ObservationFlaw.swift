/// Mistakes that ``ObservationTable`` can be told to make; no node ever does.
///
/// The simulation sees by them that it would find them.
package enum ObservationFlaw: String, CaseIterable, Sendable {
    /// Tells nobody that it has taken a vote back.
    case neverWithdraws
    /// Takes nothing from a start of an owner after the first that it knows.
    case ignoresRestarts
    /// Keeps what an owner's new start does not say any more.
    case keepsFormerStarts
    /// Asks for nothing that it has missed, and shows nobody what it has.
    case neverRepairs
    /// Goes on below what others have heard of it before its disk was rolled back.
    case staysBelowItself
}
