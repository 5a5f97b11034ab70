/// Something that keeps a node from its mesh or from its disk, found by the node itself.
public struct TroubleReport: Codable, Equatable, Sendable {
    /// What is concerned.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// Two members have one name.
        case name
        /// Most members do not answer this node's probes: its own network.
        case isolation
        /// A seed does not resolve or does not answer.
        case seed
        /// Gossip does not get through to an address.
        case path
        /// Gossip comes from a node with another key ring or cluster name.
        case stranger
        /// A node of this mesh speaks no protocol version that this node does.
        case version
        /// A node of another mesh was called, or calls.
        case mesh
        /// Another process runs with this node's identity, from a copy of its data.
        case twin
        /// The member table is full: no newcomer is taken in.
        case table
        /// A configured certificate ends within 14 days.
        case certificateEnds = "certificate-ends"
        /// A configured certificate has ended, or ends within 3 days.
        case certificateEnded = "certificate-ended"
        /// What is written does not reach the disk.
        case disk
    }

    /// What is concerned.
    public var kind: Kind
    /// Which name, seed, address or file.
    public var subject: String
    /// What is wrong, and what to do about it.
    public var message: String

    /// Creates a trouble.
    public init(kind: Kind, subject: String, message: String) {
        self.kind = kind
        self.subject = subject
        self.message = message
    }
}
