public import MeshEntities

/// Which clients an instance of `mtls-auth` needs a certificate of.
///
/// The handshake knows the server's name only: clients are asked whose names are those of the routes that
/// the plugin is for, and all of them when one of these routes has no server names, as in Kong.
public struct CertificateDemand: Equatable, Sendable {
    /// Server names in lower case; nil for every client.
    public let names: [String]?
    /// The authorities whose names clients are told; empty: none.
    public let authorities: [EntityID]

    /// The demands of all plugins of a configuration.
    public static func all(in configuration: GatewayConfiguration) -> [CertificateDemand] {
        configuration.plugins.filter { $0.enabled && $0.name == MTLSAuth.name }.map { plugin in
            let settings = PluginSettings(plugin: plugin, fields: MTLSAuth.fields)
            let tells = (try? settings.flag("send_ca_dn")) ?? false
            return CertificateDemand(
                names: Self.names(plugin, configuration.routes),
                authorities: tells ? (try? MTLSAuth.authorities(settings)) ?? [] : []
            )
        }
    }

    private static func names(_ plugin: Plugin, _ routes: EntityList<Route>) -> [String]? {
        guard plugin.route != nil || plugin.service != nil else { return nil }
        var names: Set<String> = []
        for route in routes {
            guard plugin.route == nil || plugin.route == route.id,
                plugin.service == nil || plugin.service == route.service
            else { continue }
            guard !route.snis.isEmpty else { return nil }
            names.formUnion(route.snis.map { $0.lowercased() })
        }
        return names.sorted()
    }
}
