/// One upgrade of the fleet, as it is kept in the mesh: whoever reads it at any node can go on.
public struct UpgradeReport: Codable, Equatable, Sendable {
    /// How the upgrade stands.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// Somebody carries it out, or may go on.
        case running
        /// It stopped before the next node, for ``UpgradeReport/reason``.
        case paused
        /// It was given up.
        case aborted
        /// Every node has had its turn.
        case finished
    }

    /// How one node stands in it.
    public enum Step: String, Codable, CaseIterable, Sendable {
        /// Its turn is to come.
        case waiting
        /// It is its turn: it is drained, restarted, looked at.
        case working
        /// It is back, and all gates held.
        case done
    }

    /// One node's turn.
    public struct Node: Codable, Equatable, Sendable {
        /// The node's name.
        public var name: String
        /// Which wave it is in, from 1.
        public var wave: Int
        /// How it stands.
        public var step: Step
        /// What it ran when the upgrade was planned.
        public var versionBefore: String

        /// Creates a turn that is to come.
        public init(name: String, wave: Int, versionBefore: String) {
            self.name = name
            self.wave = wave
            self.step = .waiting
            self.versionBefore = versionBefore
        }
    }

    /// Counts every change of the record; a writer says which one it has seen.
    public var revision: Int
    /// How it stands.
    public var state: State
    /// Why it is paused or given up; empty otherwise.
    public var reason: String
    /// The version that every node shall run; empty: any, a node must only have restarted.
    public var target: String
    /// Whether nodes are drained for their turn.
    public var drains: Bool
    /// The largest share of 5xx answers of a node that had its turn, in percent.
    public var errorLimit: Double
    /// The largest growth of the fleet's 99th percentile of latency, in percent.
    public var latencyLimit: Double
    /// The 99th percentile up to which no growth counts, in milliseconds: a class of small latencies
    /// is soon twice the one before.
    public var latencyFloor: Double
    /// How long all gates must hold after a node's turn, in seconds.
    public var settleSeconds: Double
    /// Who carries it out, such as `ops@laptop 4711`; shown only.
    public var driver: String
    /// Turns in their order.
    public var nodes: [Node]

    /// Creates an upgrade that has not begun.
    public init(nodes: [Node]) {
        self.revision = 0
        self.state = .running
        self.reason = ""
        self.target = ""
        self.drains = true
        self.errorLimit = 0.5
        self.latencyLimit = 50
        self.latencyFloor = 100
        self.settleSeconds = 30
        self.driver = ""
        self.nodes = nodes
    }

    /// Whether somebody may still go on with it.
    public var isOpen: Bool { self.state == .running || self.state == .paused }
}
