import MeshReports

/// What each node routed by in the last minutes, as this node has seen it.
///
/// Pure: told at intervals how the nodes stand.
struct ConfigurationLanes: Sendable {
    /// How far back it reaches: 15 minutes, in milliseconds.
    static let span: UInt64 = 15 * 60 * 1_000
    /// Nodes whose lanes are kept, the first by name; a page has no room for more.
    static let nodeLimit = 100
    /// Changes kept of one node.
    static let changeLimit = 100

    /// From when on a node stood as it says.
    struct Change: Encodable, Equatable, Sendable {
        /// Milliseconds since 1970.
        let at: UInt64
        let config: ConfigurationVersion
        /// A state of ``NodeConfigurationReport``, or what the member is when it is not alive.
        let state: String
    }

    /// By node's name, the oldest change first.
    private(set) var lanes: [String: [Change]] = [:]

    /// Takes in how the nodes stand; those that are not among them are forgotten.
    mutating func note(_ nodes: [NodeConfigurationReport], wallMilliseconds now: UInt64) {
        var lanes: [String: [Change]] = [:]
        for node in nodes.sorted(by: { $0.name < $1.name }).prefix(Self.nodeLimit) {
            var changes = self.lanes[node.name] ?? []
            let state = node.member == .alive ? node.state.rawValue : node.member.rawValue
            let last = changes.last
            if last?.config.hash != node.config.hash || last?.state != state {
                changes.append(Change(at: now, config: node.config, state: state))
            }
            // The last one before the span says how it began.
            let old = changes.dropFirst().prefix { $0.at + Self.span <= now }.count
            changes.removeFirst(max(old, changes.count - Self.changeLimit))
            lanes[node.name] = changes
        }
        self.lanes = lanes
    }
}
