public import MeshEntities

/// Which plugins run here.
public enum PluginCatalogue {
    /// Every plugin that is built; a new one is one more line.
    static let definitions: [PluginDefinition] = [
        ACL.definition,
        BasicAuth.definition,
        BotDetection.definition,
        CORS.definition,
        CorrelationID.definition,
        Datadog.definition,
        ExtAuth.definition,
        FileLog.definition,
        GRPCWeb.definition,
        HMACAuth.definition,
        HTTPLog.definition,
        IPRestriction.definition,
        JWT.definition,
        KeyAuth.definition,
        LDAPAuth.definition,
        Loggly.definition,
        MTLSAuth.definition,
        OpenTelemetry.definition,
        PrometheusSettings.definition,
        ProxyCache.definition,
        RateLimiting.definition,
        Redirect.definition,
        RequestSizeLimiting.definition,
        RequestTermination.definition,
        RequestTransformer.definition,
        ResponseRateLimiting.definition,
        ResponseTransformer.definition,
        Session.definition,
        StandardWebhooks.definition,
        Statsd.definition,
        SyslogLog.definition,
        TCPLog.definition,
        UDPLog.definition,
        Zipkin.definition,
    ]

    private static let byName = Dictionary(
        uniqueKeysWithValues: Self.definitions.map { ($0.name, $0) }
    )

    /// Most errors that are told of one plugin.
    static let errorLimit = 32

    /// Kong's names of the plugins that a configuration may use, sorted.
    public static let builtNames = Self.definitions.map(\.name).sorted()

    /// The plugin of a name; nil when it is not built.
    static func definition(of name: String) -> PluginDefinition? { Self.byName[name] }

    /// The priority of a built plugin; nil for one that is not.
    public static func priority(of name: String) -> Int? { Self.byName[name]?.priority }

    /// The protocols that a plugin may be for, and those that it is for when nothing is said.
    public static func protocols(
        of name: String
    ) -> (choices: [GatewayProtocol], standard: [GatewayProtocol]) {
        let isAny = Self.byName[name]?.takesStreams ?? false
        return (
            GatewayProtocol.allCases.filter { $0.isPlugins && (isAny || !$0.isStream) },
            Plugin.standardProtocols(of: name)
        )
    }

    /// The fields of a built plugin's `config`; nil for a plugin that is not built.
    public static func fields(of name: String) -> [FieldSchema]? { Self.byName[name]?.fields }

    /// Everything that is wrong with the name, the scope and the settings of one plugin.
    public static func errors(in plugin: Plugin) -> [PluginError] {
        guard let definition = Self.byName[plugin.name] else {
            return [PluginError(plugin, field: "name", "plugin is not built yet")]
        }
        var errors: [PluginError] = []
        if !definition.takesConsumers {
            // Source: Kong's `typedefs.no_consumer`.
            if plugin.consumer != nil {
                errors.append(PluginError(plugin, field: "consumer", "value must be null"))
            }
            if plugin.consumerGroup != nil {
                errors.append(PluginError(plugin, field: "consumer_group", "value must be null"))
            }
        }
        if !definition.takesStreams {
            // Source: Kong's `typedefs.protocols_http`.
            for (index, name) in plugin.protocols.enumerated() where name.isStream {
                errors.append(
                    PluginError(
                        plugin,
                        field: "protocols.\(index)",
                        "expected one of: grpc, grpcs, http, https"
                    )
                )
            }
        }
        var rest = plugin
        var removed: Set<Substring> = []
        for error in SettingsCheck.errors(
            in: PluginSettings(plugin: plugin, fields: definition.fields)
        ) {
            errors.append(error)
            Self.remove(error.field, from: &rest)
            // One that is missing is said to be so, and nothing more.
            if let field = Self.field(of: error.field) { removed.insert(field) }
        }
        var areFieldsRight = errors.isEmpty
        // What a secret makes of a field, the node that looks it up will see.
        let secret = Set(
            (plugin.config.fields ?? []).filter { !$0.node.value.vaults.isEmpty }.map(\.name)
        )
        while errors.count < Self.errorLimit {
            do throws(PluginError) {
                _ = try definition.compile(
                    PluginSettings(plugin: rest, fields: definition.fields)
                )
                break
            } catch {
                // As in Kong, rules about several fields count when each field is right.
                let isWhole = error.field == FieldPath.entityField
                let isOpen = error.field.split(separator: ".")
                    .contains { secret.contains(String($0)) }
                // That it is missing now is our doing.
                let isGone = Self.field(of: error.field).map { removed.contains($0) } ?? false
                let isRule = isWhole || error.condition != nil
                if !isOpen, !isGone, !errors.contains(error), areFieldsRight || !isRule {
                    areFieldsRight = areFieldsRight && isRule
                    errors.append(error)
                    if let condition = error.broken(in: plugin) { errors.append(condition) }
                }
                // What is missing is no longer so without the field that asks for it.
                guard !isWhole,
                    let field = Self.remove(error.field, from: &rest)
                        ?? error.condition.flatMap({ Self.remove($0, from: &rest) })
                else { break }
                removed.insert(field)
            }
        }
        return Array(errors.prefix(Self.errorLimit))
    }

    /// Takes away what is wrong, to see what else is; the field of `config`, nil when there is none.
    @discardableResult
    private static func remove(_ path: String, from plugin: inout Plugin) -> Substring? {
        guard let field = Self.field(of: path) else { return nil }
        let fields = plugin.config.fields ?? []
        let kept = fields.filter { $0.name != field }
        plugin.config = .object(kept)
        return kept.count < fields.count ? field : nil
    }

    /// The field of `config` that a path leads to.
    private static func field(of path: String) -> Substring? {
        path.split(separator: ".").dropFirst().first
    }

    /// Checks one plugin and makes its step.
    ///
    /// - Throws: ``PluginError`` for the first thing that cannot be obeyed.
    static func compile(
        _ plugin: Plugin,
        _ logs: @escaping (LogPlan) -> any LogTaking
    ) throws(PluginError) -> PluginStep? {
        guard let definition = Self.byName[plugin.name] else {
            throw PluginError(plugin, field: "name", "plugin is not built yet")
        }
        let settings = PluginSettings(plugin: plugin, fields: definition.fields, logs: logs)
        if let error = SettingsCheck.stored(settings) { throw error }
        return try definition.compile(settings)
    }
}
