public import MeshEntities
public import MeshPrimitives

/// All stream routes of a configuration, compiled for matching; immutable, shared by all workers.
///
/// Precedence is that of Kong's `traditional_compatible` router: ``StreamPriority``, then the
/// greater UUID. Unlike there, a route's protocols are honoured in the match itself, so that a
/// route for `udp` never takes a TCP connection.
///
/// One match per connection, or per first datagram of a client: it may allocate. Its cost grows
/// with the routes that have no exact server name, not with those that have.
public struct StreamTable: Sendable {
    private let entries: [StreamEntry]
    /// Entries by exact server name, best first.
    private let named: [[UInt8]: [Int]]
    /// Entries that any server name may match, best first.
    private let unnamed: [Int]
    /// Of each transport, the routes that are written as expressions; they go before all others.
    private let expressions: [StreamTransport: RoutingTable]

    /// Compiles the routes that streams can match; those of disabled services are left out.
    ///
    /// - Throws: ``RoutingError`` for the first expression that cannot be compiled.
    public init(
        compiling routes: EntityList<Route>,
        services: EntityList<Service>,
        flavor: RouterFlavor = .traditionalCompatible
    ) throws(RoutingError) {
        let disabled = services.disabled
        let served = (0..<routes.count).filter { place in
            routes[place].protocols.contains(where: \.isStream)
                && !(routes[place].service.map(disabled.contains) ?? false)
        }
        let written = served.filter { routes[$0].expression != nil }
        if flavor != .expressions, let route = written.first.map({ routes[$0] }) {
            let label = route.name ?? route.id.description
            throw .expressionNotRead(route: label, flavor: flavor)
        }
        self.expressions = try Self.expressions(written.map { (routes[$0], $0) })
        self.entries =
            served
            .filter { routes[$0].expression == nil }
            .map { place in StreamEntry(routes[place], place: place) }
            .sorted { ($0.priority, $0.id) > ($1.priority, $1.id) }
        var named: [[UInt8]: [Int]] = [:]
        var unnamed: [Int] = []
        for (rank, entry) in self.entries.enumerated() {
            if entry.isFoundByName {
                for name in Set(entry.names.map(\.text)) { named[name, default: []].append(rank) }
            } else {
                unnamed.append(rank)
            }
        }
        self.named = named
        self.unnamed = unnamed
    }

    /// Whether there is any route whose protocol arrives this way.
    ///
    /// A listener without one need not even read a server name.
    public func hasRoutes(for transport: StreamTransport) -> Bool {
        self.expressions[transport] != nil
            || self.entries.contains { $0.transports.contains(transport) }
    }

    /// Finds the route of a connection or a first datagram.
    ///
    /// - Parameter query: what is known of it; its server name may be hostile.
    /// - Returns: the best match; `nil` when no route fits, upon which Kong closes.
    public func match(_ query: StreamQuery) -> StreamMatch? {
        let name = query.serverName.map { ServerName.normalized($0) }
        if let match = self.matchExpressions(query, name) { return match }
        let candidates = name.flatMap { self.named[$0] } ?? []
        let first = candidates.first { self.entries[$0].matches(query, name) } ?? .max
        let other = self.unnamed.prefix { $0 < first }.first {
            self.entries[$0].matches(query, name)
        }
        let rank = min(first, other ?? .max)
        guard rank < self.entries.count else { return nil }
        let entry = self.entries[rank]
        return StreamMatch(
            routeIndex: entry.place,
            isPassedThrough: query.transport == .tls && entry.isPassedThrough
        )
    }
}

extension StreamTable {
    private static func expressions(
        _ routes: [(route: Route, place: Int)]
    ) throws(RoutingError) -> [StreamTransport: RoutingTable] {
        var tables: [StreamTransport: RoutingTable] = [:]
        for transport in [StreamTransport.tcp, .tls, .udp] {
            let here = routes.filter {
                $0.route.protocols.compactMap(StreamEntry.transport).contains(transport)
            }
            guard !here.isEmpty else { continue }
            tables[transport] = try RoutingTable(RoutingIndexBuilder()) {
                builder throws(RoutingError) in
                for (route, place) in here {
                    // The server name of a stream is filed as a request's host is.
                    try builder.add(
                        expression: route.expression ?? "",
                        of: route,
                        at: place * 2 + (route.protocols.contains(.tlsPassthrough) ? 1 : 0),
                        hostField: "tls.sni"
                    )
                }
            }
        }
        return tables
    }

    private func matchExpressions(_ query: StreamQuery, _ name: [UInt8]?) -> StreamMatch? {
        guard let table = self.expressions[query.transport] else { return nil }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        let match = (name ?? []).withUnsafeBytes { name in
            var asked = RouteQuery(
                method: none,
                host: name,
                path: none,
                port: query.destination.port,
                serverName: name
            )
            asked.transport = query.transport
            asked.source = query.source
            asked.destination = query.destination
            return table.match(asked, scratch: RoutingScratch()) { _, _ in false }
        }
        return match.map { found in
            StreamMatch(
                routeIndex: found.routeIndex / 2,
                isPassedThrough: query.transport == .tls && found.routeIndex % 2 == 1
            )
        }
    }
}

/// How a connection arrived.
public enum StreamTransport: Sendable {
    /// Over TCP at a plain listener; routes of `tcp`.
    case tcp
    /// Over TCP at a listener for TLS; routes of `tls` and `tls_passthrough`.
    case tls
    /// As a datagram; routes of `udp`.
    case udp
}

/// What one connection or first datagram shows to the router.
public struct StreamQuery: Equatable, Sendable {
    /// How it arrived.
    public var transport: StreamTransport
    /// The client, as the PROXY protocol says where it is used.
    public var source: Endpoint
    /// The local address it arrived at.
    public var destination: Endpoint
    /// The server name of the ClientHello in any case; `nil` without one or without TLS.
    public var serverName: String?

    /// Creates a query.
    public init(
        transport: StreamTransport,
        source: Endpoint,
        destination: Endpoint,
        serverName: String? = nil
    ) {
        self.transport = transport
        self.source = source
        self.destination = destination
        self.serverName = serverName
    }
}

/// The route that a connection belongs to.
public struct StreamMatch: Equatable, Sendable {
    /// Place of the route in the array that the table was compiled from.
    public let routeIndex: Int
    /// Whether TLS goes on to the target as it came, instead of ending here.
    public let isPassedThrough: Bool

    /// Creates a match.
    public init(routeIndex: Int, isPassedThrough: Bool) {
        self.routeIndex = routeIndex
        self.isPassedThrough = isPassedThrough
    }
}

/// Server names as they are compared: lower case, without the root's dot.
enum ServerName {
    static func normalized(_ name: String) -> [UInt8] {
        var bytes = name.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        if bytes.count > 1, bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        return bytes
    }
}
