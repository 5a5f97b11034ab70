import MeshEntities
import MeshHTTP

/// Kong's `key-auth`: a key in a header or in the query says who sends a request.
///
/// Source: Kong's `kong/plugins/key-auth/handler.lua`, version 3.9.
struct KeyAuth: Sendable {
    static let definition = PluginDefinition(
        name: "key-auth",
        priority: 1_250,
        fields: [
            .standard("key_names", .array(.string), .list([.string("apikey")])),
            AuthenticationRules.hidingField, AuthenticationRules.anonymousField,
            .standard("key_in_header", .boolean, .bool(true)),
            .standard("key_in_query", .boolean, .bool(true)),
            .standard("key_in_body", .boolean, .bool(false)),
            AuthenticationRules.preflightField, FieldSchema("realm", .string),
        ],
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try KeyAuth(settings)
            return PluginStep(access: { request, state, edits in
                plugin.rules.access(request, &state, &edits) { plugin.authenticate(request, &$0) }
            })
        }
    )

    /// One place that a key may stand in.
    private struct Name {
        /// As configured, for the query.
        let text: [UInt8]
        /// For headers.
        let lowercased: [UInt8]
        /// For headers, with `-` in the place of `_`: in Kong either finds it.
        let dashed: [UInt8]?
    }

    /// What was found under a name.
    private enum Finding {
        case nothing
        /// In a header; borrowed from the request.
        case value(UnsafeRawBufferPointer)
        /// In the query.
        case argument([UInt8])
        case several
    }

    private let rules: AuthenticationRules
    private let names: [Name]
    private let hides: Bool
    private let isInHeader: Bool
    private let isInQuery: Bool
    private let missing: PluginAnswer
    private let duplicate: PluginAnswer
    private let unknown: PluginAnswer

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        let names = try settings.texts("key_names") ?? []
        guard !names.isEmpty else {
            throw settings.error("key_names", "length must be at least 1")
        }
        for (index, name) in names.enumerated() where !FieldText.isName(name) {
            throw settings.error(
                "key_names.\(index)",
                "bad header name '\(name)', allowed "
                    + "characters are A-Z, a-z, 0-9, '_', and '-'"
            )
        }
        self.names = names.map { name in
            let lowercased = name.lowercased()
            let dashed = lowercased.split(separator: "_", omittingEmptySubsequences: false)
                .joined(separator: "-")
            return Name(
                text: Array(name.utf8),
                lowercased: Array(lowercased.utf8),
                dashed: dashed == lowercased ? nil : Array(dashed.utf8)
            )
        }
        self.hides = try settings.flag("hide_credentials") ?? false
        self.isInHeader = try settings.flag("key_in_header") ?? true
        self.isInQuery = try settings.flag("key_in_query") ?? true
        guard try settings.flag("key_in_body") != true else {
            throw settings.error(
                "key_in_body",
                "keys in bodies are not built yet; let clients send them in a header"
            )
        }
        let challenge = AuthenticationRules.challenge(
            "Key",
            realm: try AuthenticationRules.realm(settings)
        )
        self.missing = PluginAnswer(
            status: 401,
            error: "No API key found in request",
            lines: challenge
        )
        self.duplicate = PluginAnswer(
            status: 401,
            error: "Duplicate API key found",
            lines: challenge
        )
        self.unknown = PluginAnswer(status: 401, error: "Unauthorized", lines: challenge)
    }

    private func authenticate(
        _ request: PluginRequest,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        for name in self.names {
            switch self.find(name, in: request, edits) {
            case .nothing: continue
            case .several: return .refused(self.duplicate)
            case .value(let key): return self.check(key, name, request, &edits)
            case .argument(let key):
                return key.withUnsafeBytes { self.check($0, name, request, &edits) }
            }
        }
        return .refused(self.missing)
    }

    private func check(
        _ key: UnsafeRawBufferPointer,
        _ name: Name,
        _ request: PluginRequest,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        if self.hides { self.hide(name, request, &edits) }
        guard !key.isEmpty else { return .refused(self.missing) }
        guard let found = request.consumers.keys.owner(of: key) else {
            return .refused(self.unknown)
        }
        return .known(consumer: found.consumer, credential: found.credential)
    }

    private func find(
        _ name: Name,
        in request: PluginRequest,
        _ edits: PluginEdits
    ) -> Finding {
        if self.isInHeader {
            let found = Self.header(name.lowercased, request)
            guard case .nothing = found else { return found }
            if let dashed = name.dashed {
                let found = Self.header(dashed, request)
                guard case .nothing = found else { return found }
            }
        }
        guard self.isInQuery else { return .nothing }
        var found = Finding.nothing
        var arguments = QueryArguments(request.query(edits))
        while let argument = arguments.next() {
            // A name without `=` is no text in Kong.
            guard argument.hasValue, argument.isNamed(name.text) else { continue }
            guard case .nothing = found else { return .several }
            found = .argument(argument.decodedValue)
        }
        return found
    }

    private static func header(_ name: [UInt8], _ request: PluginRequest) -> Finding {
        var found = Finding.nothing
        request.anyValue(named: name) { value in
            guard case .nothing = found else {
                found = .several
                return true
            }
            found = .value(value)
            return false
        }
        return found
    }

    private func hide(_ name: Name, _ request: PluginRequest, _ edits: inout PluginEdits) {
        name.lowercased.withUnsafeBytes { edits.drop($0) }
        name.dashed?.withUnsafeBytes { edits.drop($0) }
        QueryArguments.remove([name.text], from: request, &edits)
    }
}
