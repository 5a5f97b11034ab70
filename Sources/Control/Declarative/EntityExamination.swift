public import MeshEntities
internal import MeshPlugins
internal import MeshRouting

/// Looks into single entities as a whole file is looked into: certificates, settings of plugins,
/// patterns of routes.
public enum EntityExamination {
    /// What is wrong that the fields alone do not show.
    ///
    /// - Parameter configuration: the entities; digests of authorities are filled in.
    /// - Returns: findings placed at `kind[index]`.
    public static func findings(in configuration: inout GatewayConfiguration) -> [Finding] {
        var check = CertificateCheck(places: EntityPlaces())
        check.run(&configuration)
        let flaws = CredentialRules.complete(&configuration, hash: KnownHashes.shared.hash)
        let credentials = flaws.map {
            EntityPlaces().finding($0.kind, $0.index, $0.field, $0.message)
        }
        return check.findings + credentials + Self.plugins(configuration.plugins)
            + configuration.routes.enumerated().flatMap { Self.patterns(of: $1, $0) }
    }

    private static func plugins(_ plugins: EntityList<Plugin>) -> [Finding] {
        plugins.enumerated().filter { UnbuiltFeatures.builtPlugins.contains($1.name) }
            .flatMap { index, plugin in
                PluginCatalogue.errors(in: plugin).map { error in
                    EntityPlaces().finding(
                        .plugins,
                        index,
                        path: error.field.split(separator: "."),
                        error.message
                    )
                }
            }
    }

    private static func patterns(of route: Route, _ index: Int) -> [Finding] {
        let place = FieldPath(.routes, index)
        let paths = route.paths.enumerated().filter { $1.hasPrefix("~") }
            .map { (place.field("paths").index($0), String($1.dropFirst())) }
        let headers = route.headers.filter { $0.values.count == 1 && $0.values[0].hasPrefix("~*") }
            .map { (place.field("headers").field($0.name), String($0.values[0].dropFirst(2))) }
        return (paths + headers).compactMap { location, pattern in
            RoutePattern.check(regex: pattern).map { reason in
                Finding(at: location, "invalid regex: '\(pattern)' (PCRE returned: \(reason))")
            }
        }
    }
}
