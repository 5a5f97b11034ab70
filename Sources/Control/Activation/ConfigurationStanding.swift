import MeshPrimitives

/// What a node says of its configuration, to its balancer, its peers and its operator.
public struct ConfigurationStanding: Equatable, Sendable {
    /// A state that could not be taken up, and why.
    public struct Refusal: Equatable, Sendable {
        /// Which state.
        public var head: RoutedState.Head
        /// Why, for people.
        public var reason: String

        /// Creates a refusal.
        public init(head: RoutedState.Head, reason: String) {
            self.head = head
            self.reason = reason
        }
    }

    /// What a node without a configuration waits for.
    public enum Waiting: Equatable, Sendable {
        /// Its own disk.
        case disk
        /// What it holds, which is made ready to route by.
        case activation
        /// Its own file, which is being read or applied: there is no mesh to ask first.
        case ownFile
        /// An operator: there are neither seeds nor a file with anything in it.
        case `operator`
        /// The seeds, none of which has answered.
        case seeds
        /// What the mesh that it has joined may hold.
        case mesh
        /// The mesh that it has joined has none: an operator.
        case meshOperator
        /// Another file: the one it was given is refused.
        case file(reason: String)
    }

    /// What it routes by; `nil` before the first activation.
    public var active: RoutedState.Head?
    /// Whether that has any entity.
    public var hasEntities = false
    /// Why the newest state is not in use; `nil` when it is.
    public var refusal: Refusal?
    /// What it waits for while it has nothing to route by.
    public var waiting: Waiting? = .disk
    /// Whether the `config:` file says something else than what it routes by.
    public var differsFromFile = false

    /// Creates the standing of a node that has just started.
    public init() {}

    /// Whether it serves a configuration that was activated.
    ///
    /// An empty one serves nobody, so a balancer should not send anything; Kong does the same.
    public var isReady: Bool { self.active != nil && self.hasEntities }
}

extension ConfigurationStanding.Waiting: CustomStringConvertible {
    /// What is missing and what to do about it.
    public var description: String {
        switch self {
        case .disk: "the store on disk is being read"
        case .activation: "the configuration is being activated"
        case .ownFile: "the file of config: is being applied"
        case .operator: "nobody has applied one; meshctl config apply FILE, or set config:"
        case .seeds: "no seed answers, and nothing is on disk; check gossip.seeds and the network"
        case .mesh: "joined the mesh, whose configuration is on its way"
        case .meshOperator: "the mesh has none; meshctl config apply FILE at any node"
        case .file(let reason): "the file of config: is refused: \(reason)"
        }
    }
}

/// What people should hear about a node's configuration.
public enum ConfigurationEvent: Equatable, Sendable {
    /// It routes by another state now.
    case activated(RoutedState.Head)
    /// It cannot route by a state and keeps the one before.
    case refused(ConfigurationStanding.Refusal)
    /// Addresses have changed, but targets could not be replaced.
    case addressesRefused(reason: String)
    /// The `config:` file is not what the node routes by.
    case fileDiffers(RoutedState.Head)
    /// The `config:` file was not applied.
    case fileRefused(reason: String)
    /// A host name has had no answer since the last good one.
    case unresolved(host: String, reason: String)
    /// A host name has an answer again.
    case resolvedAgain(host: String)
}
