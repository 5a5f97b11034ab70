public import MeshEntities
internal import MeshPlugins
internal import MeshRouting

/// Looks into single entities as a whole file is looked into: certificates, settings of plugins,
/// patterns of routes, and what the router has to compile.
public enum EntityExamination {
    /// What is wrong that the fields alone do not show.
    ///
    /// - Parameters:
    ///   - configuration: the entities; digests of authorities are filled in.
    ///   - flavor: that of the router that has to find the routes.
    /// - Returns: findings placed at `kind[index]`.
    public static func findings(
        in configuration: inout GatewayConfiguration,
        flavor: RouterFlavor
    ) -> [Finding] {
        var check = CertificateCheck(places: EntityPlaces())
        check.run(&configuration)
        let flaws = CredentialRules.complete(&configuration, hash: KnownHashes.shared.hash)
        let credentials = flaws.map {
            EntityPlaces().finding($0.kind, $0.index, $0.field, $0.message)
        }
        return check.findings + credentials + Self.plugins(configuration.plugins)
            + configuration.routes.enumerated().flatMap { Self.findings(in: $1, $0, flavor) }
    }

    /// Why entities cannot be used with the secrets that a node has for them.
    ///
    /// - Parameters:
    ///   - resolved: certificates and plugins with secrets in place of references.
    ///   - flavor: that of the node's router.
    /// - Returns: which one, and nothing of the secrets; nil when all can.
    public static func refusal(
        ofSecretsIn resolved: GatewayConfiguration,
        flavor: RouterFlavor
    ) -> String? {
        var resolved = resolved
        return Self.findings(in: &resolved, flavor: flavor).first.map { finding in
            "\(finding.path): what the vault of this node holds for it cannot be used"
        }
    }

    private static func findings(
        in route: Route,
        _ index: Int,
        _ flavor: RouterFlavor
    ) -> [Finding] {
        let place = FieldPath(.routes, index)
        let given = [
            ("expression", route.expression != nil), ("priority", route.priority != nil),
        ]
        let refused = given.filter(\.1).compactMap { name, _ in
            UnbuiltFeatures.refusal(ofField: name, in: .routes, flavor: flavor)
                .map { Finding(at: place.field(name), $0) }
        }
        let faults =
            Self.patterns(of: route, index)
            + route.faults(under: flavor).map { Finding(at: place.field($0.field), $0.message) }
        guard refused.isEmpty, faults.isEmpty else { return refused + faults }
        do throws(RoutingError) {
            _ = try RoutingTable(compiling: [route], services: [], flavor: flavor)
            return []
        } catch {
            return [Finding(at: place.field(FieldPath.entityField), "\(error)")]
        }
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

extension Route {
    /// What a router of this flavour cannot use although the fields allow it.
    func faults(under flavor: RouterFlavor) -> [(field: String, message: String)] {
        switch flavor {
        case .traditionalCompatible: []
        case .traditional:
            self.pathHandling == .v1
                ? [("path_handling", "path_handling 'v1' is not built yet; only 'v0' is")] : []
        case .expressions:
            self.expression.flatMap { RoutePattern.check(expression: $0, of: self) }
                .map { [(FieldPath.entityField, "Router Expression failed validation: \($0)")] }
                ?? []
        }
    }
}
