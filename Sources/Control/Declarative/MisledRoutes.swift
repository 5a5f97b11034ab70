internal import MeshEntities

/// Routes whose service speaks another kind of protocol, so that nothing can come of a match.
enum MisledRoutes {
    /// What can be carried from a client to a target.
    private enum Kind: String {
        case requests
        case streams
        case datagrams

        init(_ name: GatewayProtocol) {
            switch name {
            case .http, .https, .grpc, .grpcs, .ws, .wss: self = .requests
            case .tcp, .tls, .tlsPassthrough: self = .streams
            case .udp: self = .datagrams
            }
        }
    }

    /// One warning for each route that takes what its service cannot.
    static func warnings(_ configuration: GatewayConfiguration, _ places: EntityPlaces) -> [Finding]
    {
        let services = Dictionary(
            configuration.services.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return configuration.routes.enumerated().compactMap { index, route in
            guard let service = route.service.flatMap({ services[$0] }) else { return nil }
            let wanted = Kind(service.protocol)
            guard let odd = route.protocols.first(where: { Kind($0) != wanted }) else { return nil }
            return places.finding(
                .routes,
                index,
                "protocols",
                "'\(odd.rawValue)' brings \(Kind(odd).rawValue), but protocol "
                    + "'\(service.protocol.rawValue)' of the service takes \(wanted.rawValue)"
            )
        }
    }
}
