import MeshPrimitives

/// The streams of a node, within bounds.
struct StreamTable {
    /// Strangers allowed at once; a further one takes the place of the oldest of the address, or network
    /// of IPv6, that has the most.
    static let strangerLimit = 32
    /// Streams that one peer may have opened at once; a further one takes the place of the oldest.
    static let peerLimit = 8

    private(set) var inbound: [StreamConnection] = []
    private(set) var outbound: [StreamConnection] = []
    /// The stream over which changelog and observations reach a peer.
    private var peers: [NodeID: StreamConnection] = [:]

    /// Every stream, in the order opened within each direction.
    var all: [StreamConnection] { self.inbound + self.outbound }

    /// Whether there is none.
    var isEmpty: Bool { self.inbound.isEmpty && self.outbound.isEmpty }

    /// The accepted stream to close before another stranger is let in, if there are too many.
    var surplusStranger: StreamConnection? {
        let strangers = self.inbound.filter(\.isStranger)
        guard strangers.count >= Self.strangerLimit else { return nil }
        return Self.surplus(among: strangers.map(\.source)).map { strangers[$0] }
    }

    /// The first of the source that has the most, of those in order of age; `nil` if there is none.
    static func surplus(among sources: [IPAddress?]) -> Int? {
        let networks = sources.map { $0?.network }
        let counts = networks.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        let most = counts.values.max()
        return networks.firstIndex { counts[$0] == most }
    }

    /// The stream to close, if a peer has opened too many.
    func surplus(of peer: NodeID) -> StreamConnection? {
        let opened = self.inbound.filter { $0.peer == peer }
        return opened.count > Self.peerLimit ? opened.first : nil
    }

    /// The stream to use for changelog and observations with `node`.
    func stream(to node: NodeID) -> StreamConnection? { self.peers[node] }

    mutating func add(_ connection: StreamConnection) {
        switch connection.purpose {
        case .accepted: self.inbound.append(connection)
        case .peer(let node):
            self.outbound.append(connection)
            self.peers[node] = connection
        case .exchange, .probe, .trial: self.outbound.append(connection)
        }
    }

    /// Lets changelog and observations answer over a stream that the peer opened.
    mutating func adopt(_ connection: StreamConnection, for node: NodeID) {
        if self.peers[node] == nil { self.peers[node] = connection }
    }

    mutating func remove(_ connection: StreamConnection) {
        self.inbound.removeAll { $0 === connection }
        self.outbound.removeAll { $0 === connection }
        self.peers = self.peers.filter { $0.value !== connection }
    }
}
