/// What Kong has and this gateway has not built yet, each refused by name.
///
/// A file that asks for one of these must not load as if it had not asked: a route that wants
/// `key-auth` would be open. This file is the whole list.
public enum UnbuiltFeatures {
    /// Plugins that run here.
    public static let builtPlugins: Set<String> = [
        "acl", "basic-auth", "bot-detection", "correlation-id", "cors", "datadog", "ext-auth",
        "file-log",
        "grpc-web", "hmac-auth", "http-log", "ip-restriction", "jwt", "key-auth", "ldap-auth",
        "loggly",
        "mtls-auth", "opentelemetry", "prometheus", "proxy-cache", "rate-limiting", "redirect",
        "request-size-limiting",
        "request-termination", "request-transformer", "response-ratelimiting",
        "response-transformer", "session", "standard-webhooks", "statsd", "syslog", "tcp-log",
        "udp-log", "zipkin",
    ]

    /// Plugins that Kong bundles.
    static let kongPlugins: Set<String> = [
        "rate-limiting", "response-ratelimiting", "request-size-limiting", "request-termination",
        "proxy-cache", "redirect", "key-auth", "basic-auth", "jwt", "hmac-auth", "oauth2",
        "ldap-auth", "session", "acl", "bot-detection", "cors", "ip-restriction", "acme",
        "standard-webhooks", "request-transformer", "response-transformer", "correlation-id",
        "grpc-gateway", "grpc-web", "prometheus", "opentelemetry", "zipkin", "http-log", "statsd",
        "datadog", "ext-auth",
        "mtls-auth", "file-log", "udp-log", "tcp-log", "loggly", "syslog", "pre-function",
        "post-function", "aws-lambda", "azure-functions", "ai-request-transformer",
        "ai-prompt-template", "ai-prompt-decorator", "ai-prompt-guard", "ai-proxy",
        "ai-response-transformer",
    ]

    /// Collections of a declarative file, with what they would need.
    public static let collections: [String: String] = [
        "oauth2_credentials": "credentials (plugin 'oauth2')",
        "oauth2_tokens": "tokens (plugin 'oauth2')",
        "oauth2_authorization_codes": "codes (plugin 'oauth2')",
        "acme_storage": "storage (plugin 'acme')",
        "filter_chains": "Wasm filter chains",
    ]

    /// The message for a collection that is not built; `nil` when it is, or is unknown.
    public static func refusal(ofCollection name: String) -> String? {
        Self.collections[name].map { "'\(name)' cannot be used: \($0) are not built yet" }
    }

    /// The message for a field that only another flavour of router has; `nil` for all others.
    public static func refusal(
        ofField name: String,
        in kind: EntityKind,
        flavor: RouterFlavor = .traditionalCompatible
    ) -> String? {
        guard flavor != .expressions, kind == .routes, ["expression", "priority"].contains(name)
        else { return nil }
        return "unknown field: '\(name)' needs the router flavor 'expressions'; "
            + "the flavor here is '\(flavor.rawValue)' (proxy.router_flavor of the nodes, "
            + "--router-flavor of meshctl config validate)"
    }

    /// What Kong says of a plugin that it does not have.
    private static let notEnabled =
        "not enabled; add it to the 'plugins' configuration property"

    /// What somebody with a file in hand can do about a message; `nil` when that says it.
    public static func advice(on message: String) -> String? {
        guard message.hasSuffix(Self.notEnabled) else { return nil }
        return "plugins of your own do not run here: remove it, set 'enabled: false', or load with "
            + "--allow-unknown-plugins disabled"
    }

    /// Whether neither this gateway nor Kong has a plugin of the name.
    public static func isUnknown(plugin name: String) -> Bool {
        !Self.builtPlugins.contains(name) && !Self.kongPlugins.contains(name)
    }

    /// The message for a plugin that does not run here; `nil` when it does.
    public static func refusal(ofPlugin name: String) -> String? {
        if Self.builtPlugins.contains(name) { return nil }
        if Self.kongPlugins.contains(name) {
            return "plugin '\(name)' is not built yet; "
                + "remove it, or leave what it protects on a gateway that has it"
        }
        return "plugin '\(name)' \(Self.notEnabled)"
    }

    static func findings(
        in configuration: GatewayConfiguration,
        at places: EntityPlaces
    ) -> [Finding] {
        Self.plugins(configuration.plugins, places)
    }

    private static func plugins(_ plugins: EntityList<Plugin>, _ places: EntityPlaces) -> [Finding]
    {
        plugins.enumerated().compactMap { index, plugin in
            // One that is off protects nothing and changes nothing; Kong loads it too.
            if !plugin.enabled { return nil }
            guard !plugin.name.isEmpty, let message = Self.refusal(ofPlugin: plugin.name) else {
                return nil
            }
            return places.finding(.plugins, index, "name", message)
        }
    }
}
