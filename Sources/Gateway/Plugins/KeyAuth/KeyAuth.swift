import MeshEntities
import MeshHTTP

/// Kong's `key-auth`: a key in a header, in the query or in the body says who sends a request.
///
/// A key in the body is looked for last, and its request waits until the body has come; one that is
/// longer than ``bodyByteLimit`` has none, as in Kong one that does not fit its buffer.
///
/// Source: Kong's `kong/plugins/key-auth/handler.lua`, version 3.9.
final class KeyAuth: Sendable {
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
        compile: { settings throws(PluginError) in try KeyAuth(settings).step }
    )

    /// Most bytes of a body in which a key is looked for: 1 MiB.
    private static let bodyByteLimit = 1_024 * 1_024

    /// One place that a key may stand in.
    private struct Name: Sendable {
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
        /// In the query, or in the body.
        case argument([UInt8])
        case several
        /// The body has to come first.
        case unread
    }

    private let rules: AuthenticationRules
    private let names: [Name]
    private let hides: Bool
    private let isInHeader: Bool
    private let isInQuery: Bool
    private let isInBody: Bool
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
        self.isInBody = try settings.flag("key_in_body") ?? false
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

    private var step: PluginStep {
        let hidesInBody = self.hides && self.isInBody
        return PluginStep(
            access: { request, state, edits in
                var hidden = 0
                let verdict = self.rules.access(request, &state, &edits) { request, edits in
                    self.authenticate(request, &edits, &hidden)
                }
                state.hiddenName = hidden
                return verdict
            },
            whole: { side, request, _, body, state in
                guard hidesInBody, side == .request else { return nil }
                return self.hide(state.hiddenName, in: body, of: request)
            }
        )
    }

    private func authenticate(
        _ request: PluginRequest,
        _ edits: inout PluginEdits,
        _ hidden: inout Int
    ) -> AuthenticationRules.Outcome {
        let content = self.isInBody ? BodyFields(of: request) : nil
        for (index, name) in self.names.enumerated() {
            let finding = self.find(name, in: request, content, edits)
            let key: UnsafeRawBufferPointer
            switch finding {
            case .nothing: continue
            case .several: return .refused(self.duplicate)
            case .unread: return .needsContent(byteLimit: Self.bodyByteLimit)
            case .argument(let found):
                return found.withUnsafeBytes {
                    self.check($0, index, request, content, &edits, &hidden)
                }
            case .value(let found): key = found
            }
            return self.check(key, index, request, content, &edits, &hidden)
        }
        return .refused(self.missing)
    }

    private func check(
        _ key: UnsafeRawBufferPointer,
        _ index: Int,
        _ request: PluginRequest,
        _ content: BodyFields?,
        _ edits: inout PluginEdits,
        _ hidden: inout Int
    ) -> AuthenticationRules.Outcome {
        if self.hides {
            if self.isInBody {
                // Whatever stands under the name in the body is hidden too, as in Kong.
                guard !BodyFields.isAwaited(request) else {
                    return .needsContent(byteLimit: Self.bodyByteLimit)
                }
                if content?[self.names[index].text] ?? .nothing != .nothing {
                    hidden = index + 1
                    edits.collectsBody = true
                }
            }
            self.hide(self.names[index], request, &edits)
        }
        guard !key.isEmpty else { return .refused(self.missing) }
        guard let owner = request.consumers.owner(ofKey: key) else {
            return .refused(self.unknown)
        }
        guard let consumer = owner.consumer else {
            return .undecided(AuthenticationRules.unexpected)
        }
        return .found(consumer, credential: owner.credential)
    }

    private func find(
        _ name: Name,
        in request: PluginRequest,
        _ content: BodyFields?,
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
        let found = self.isInQuery ? Self.argument(name, request, edits) : .nothing
        guard self.isInBody, case .nothing = found else { return found }
        guard !BodyFields.isAwaited(request) else { return .unread }
        switch content?[name.text] {
        case .text(let key): return .argument(key)
        case .several: return .several
        case .nothing, nil: return .nothing
        }
    }

    private static let typeField = Array("content-type".utf8)

    private static func argument(
        _ name: Name,
        _ request: PluginRequest,
        _ edits: PluginEdits
    ) -> Finding {
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

    private func hide(_ hidden: Int, in body: [UInt8], of request: PluginRequest) -> [UInt8]? {
        guard self.names.indices.contains(hidden - 1) else { return nil }
        return BodyFields(body, type: request.value(named: Self.typeField))?
            .removing(self.names[hidden - 1].text)
    }

    private func hide(_ name: Name, _ request: PluginRequest, _ edits: inout PluginEdits) {
        name.lowercased.withUnsafeBytes { edits.drop($0) }
        name.dashed?.withUnsafeBytes { edits.drop($0) }
        QueryArguments.remove([name.text], from: request, &edits)
    }
}
