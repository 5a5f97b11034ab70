/// The answer of `/mesh/protocol`: which protocol versions the nodes speak with each other, and which
/// one the fleet was finalized at.
public struct ProtocolReport: Codable, Equatable, Sendable {
    /// What one member speaks.
    public struct Member: Codable, Equatable, Sendable {
        /// Its name.
        public var name: String
        /// The oldest version that it speaks.
        public var minimum: Int
        /// The newest version that it speaks.
        public var maximum: Int

        /// Creates an entry.
        public init(name: String, minimum: Int, maximum: Int) {
            self.name = name
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// The version that the fleet was finalized at: no node speaks an older one any more, and what came
    /// with it is on.
    public var finalized: Int
    /// The newest version that the asked node speaks, which it can be finalized at.
    public var newest: Int
    /// All members that have not left, by name.
    public var members: [Member]
    /// Why the fleet cannot be finalized at ``newest`` now; empty when it can, or was.
    public var obstacles: [String]

    /// Creates an answer; what hinders follows from the members and from an upgrade that is open.
    public init(finalized: Int, newest: Int, members: [Member], openUpgrade: String? = nil) {
        self.finalized = finalized
        self.newest = newest
        self.members = members.sorted { $0.name < $1.name }
        self.obstacles = []
        guard newest > finalized else { return }
        self.obstacles = self.members.filter { $0.maximum < newest }.map { member in
            "\(member.name) speaks \(member.maximum) at most: upgrade it, or take it off the list "
                + "(meshctl force-leave, forget) if it never comes back"
        }
        if let openUpgrade {
            self.obstacles.append("an upgrade is \(openUpgrade): let it finish, or abort it")
        }
    }

    /// Whether all that the asked node speaks is on.
    public var isFinal: Bool { self.newest <= self.finalized }
}
