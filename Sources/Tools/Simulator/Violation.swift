public import MeshPrimitives

/// A promise that was broken.
public struct Violation: Equatable, Sendable {
    /// Which promise.
    public enum Promise: String, Sendable {
        /// No live, reachable member is declared failed.
        case accuracy
        /// A crash is known to every other node in time.
        case detection
        /// After quiet, all views are equal and hold every running node alive.
        case equalViews
        /// Nodes that were pointed at each other at their birth are one mesh.
        case oneMesh
        /// No node's incarnation goes back in anybody's view.
        case incarnation
        /// No datagram is larger than the limit.
        case datagramSize
        /// After quiet, all stores are equal.
        case equalStores
        /// After quiet, all believe of each other what each says.
        case equalObservations
        /// What was acknowledged is there.
        case durability
        /// A changeset is visible whole or not at all.
        case wholeChangesets
        /// The log is what its changesets add up to, and shows every conflict.
        case replay
        /// Nothing comes back that was replaced or deleted by who had seen it, and what comes late does
        /// not win.
        case noReturn
        /// A write that breaks no rule is taken, whatever anybody has said before.
        case writable
        /// What is brought into use is newer than before, and a node is ready when something is.
        case activation
        /// A target that answers stays in use; after quiet, those that fail get nothing, the others all.
        case health
        /// What one node says another one reads.
        case encoding
        /// Every fault of the schedule has happened.
        case faults
    }

    /// Which promise was broken.
    public let promise: Promise
    /// When, in virtual time.
    public let at: MonotonicInstant
    /// By whom and how.
    public let text: String
}
