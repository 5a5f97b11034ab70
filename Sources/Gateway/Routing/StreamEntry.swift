internal import MeshEntities
internal import MeshPrimitives

/// One stream route, compiled.
struct StreamEntry: Sendable {
    /// Addresses and ports of one side, either of which may be any.
    struct Peer: Sendable {
        let block: AddressBlock?
        let port: UInt16?

        init(_ peer: Route.Peer) {
            self.block = peer.ip.flatMap { AddressBlock($0) }
            self.port = peer.port.flatMap { UInt16(exactly: $0) }
        }

        func matches(_ endpoint: Endpoint) -> Bool {
            (self.port.map { $0 == endpoint.port } ?? true)
                && (self.block.map { $0.contains(endpoint.address) } ?? true)
        }
    }

    /// Place of the route in its array.
    let place: Int
    let id: EntityID
    let priority: UInt64
    let transports: [StreamTransport]
    let isPassedThrough: Bool
    let names: [NamePattern]
    private let sources: [Peer]
    private let destinations: [Peer]

    init(_ route: Route, place: Int) {
        self.place = place
        self.id = route.id
        self.priority = StreamPriority.value(of: route)
        self.transports = route.protocols.compactMap(Self.transport)
        self.isPassedThrough = route.protocols.contains(.tlsPassthrough)
        self.names = route.snis.map { name in
            NamePattern(String(decoding: ServerName.normalized(name), as: UTF8.self))
        }
        self.sources = route.sources.map(Peer.init)
        self.destinations = route.destinations.map(Peer.init)
    }

    /// Whether nothing but one of its server names, each without wildcard, leads to it.
    ///
    /// A route that takes plain TCP too is found without a name there.
    var isFoundByName: Bool {
        !self.names.isEmpty && self.names.allSatisfy { $0.kind == .exact }
            && self.transports.allSatisfy { $0 == .tls }
    }

    /// Whether a connection fits; `name` is the query's server name, normalized.
    func matches(_ query: StreamQuery, _ name: [UInt8]?) -> Bool {
        guard self.transports.contains(query.transport) else { return false }
        if query.transport == .tls, !self.names.isEmpty {
            guard let name, self.names.contains(where: { Self.fits($0, name) }) else {
                return false
            }
        }
        return Self.matches(self.sources, query.source)
            && Self.matches(self.destinations, query.destination)
    }

    private static func matches(_ peers: [Peer], _ endpoint: Endpoint) -> Bool {
        peers.isEmpty || peers.contains { $0.matches(endpoint) }
    }

    private static func fits(_ pattern: NamePattern, _ name: [UInt8]) -> Bool {
        switch pattern.kind {
        case .exact: name == pattern.text
        case .suffix:
            name.count > pattern.text.count
                && name.suffix(pattern.text.count).elementsEqual(pattern.text)
        case .prefix:
            name.count > pattern.text.count && name.starts(with: pattern.text)
        }
    }

    static func transport(_ name: GatewayProtocol) -> StreamTransport? {
        switch name {
        case .tcp: .tcp
        case .tls, .tlsPassthrough: .tls
        case .udp: .udp
        case .grpc, .grpcs, .http, .https, .ws, .wss: nil
        }
    }
}

/// Where a stream route stands among all; the highest that matches wins.
///
///     61    snis are set, or both sources and destinations are
///     7–4   kinds of sources: 8 an address, 4 a port, 1 a block
///     3–0   kinds of destinations, the same
///
/// Source: Kong 3.x, `kong/router/transform.lua`, `stream_get_priority`.
enum StreamPriority {
    static func value(of route: Route) -> UInt64 {
        let sources = Self.kinds(route.sources)
        let destinations = Self.kinds(route.destinations)
        let hasBoth = !route.sources.isEmpty && !route.destinations.isEmpty
        let first: UInt64 = !route.snis.isEmpty || hasBoth ? 1 << 61 : 0
        return first | sources << 4 | destinations
    }

    private static func kinds(_ peers: [Route.Peer]) -> UInt64 {
        peers.reduce(0) { kinds, peer in
            let address: UInt64 = peer.ip.map { $0.utf8.contains(0x2F) ? 1 : 8 } ?? 0
            return kinds | address | (peer.port == nil ? 0 : 4)
        }
    }
}
