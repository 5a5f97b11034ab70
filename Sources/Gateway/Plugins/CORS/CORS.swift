import MeshEntities
import MeshHTTP

/// Kong's `cors`: answers preflights, and says in every response who may read it.
///
/// Source: Kong 3.9, `kong/plugins/cors/handler.lua`; the Fetch standard, "CORS protocol".
struct CORS: Sendable {
    static let definition = PluginDefinition(
        name: "cors",
        priority: 2_000,
        fields: CORS.fields,
        takesConsumers: false
    ) { settings throws(PluginError) in
        let cors = try CORS(settings)
        return PluginStep(access: { request, _, edits in cors.access(request, &edits) })
    }

    private static let methods = [
        "GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ]

    private static let fields: [FieldSchema] = [
        FieldSchema("origins", .array(.string)),
        FieldSchema("headers", .array(.string)),
        FieldSchema("exposed_headers", .array(.string)),
        .choices("methods", Self.methods, standard: Self.methods),
        FieldSchema("max_age", .number),
        .standard("credentials", .boolean, .bool(false)),
        .standard("private_network", .boolean, .bool(false)),
        .standard("preflight_continue", .boolean, .bool(false)),
        .standard("allow_origin_absent", .boolean, .bool(true)),
    ]

    private let origins: Origins
    private let methods: [UInt8]
    /// `nil` repeats what the preflight asks for.
    private let headers: [UInt8]?
    private let exposedHeaders: [UInt8]?
    private let maximumAge: [UInt8]?
    private let allowsCredentials: Bool
    private let allowsPrivateNetwork: Bool
    /// Whether preflights go to the target.
    private let continuesPreflights: Bool
    /// Whether requests without an origin get the fields, too.
    private let answersAbsentOrigin: Bool

    /// Who may read.
    private enum Origins: Sendable {
        case everybody
        /// Always named, whoever asks.
        case fixed([UInt8])
        case listed([AllowedOrigin])
    }

    /// What is said of one origin.
    private enum Grant {
        case everybody
        case origin
        case nobody
    }

    init(_ settings: PluginSettings) throws(PluginError) {
        self.origins = try Self.origins(settings)
        self.methods = Array(
            (try settings.texts("methods") ?? []).joined(separator: ",").utf8
        )
        self.headers = try Self.list("headers", settings)
        self.exposedHeaders = try Self.list("exposed_headers", settings)
        self.maximumAge = try settings.number("max_age").map { age in
            Array((Int64(exactly: age).map(String.init) ?? String(age)).utf8)
        }
        self.allowsCredentials = try settings.flag("credentials") ?? false
        self.allowsPrivateNetwork = try settings.flag("private_network") ?? false
        self.continuesPreflights = try settings.flag("preflight_continue") ?? false
        self.answersAbsentOrigin = try settings.flag("allow_origin_absent") ?? true
    }

    private static func origins(_ settings: PluginSettings) throws(PluginError) -> Origins {
        let texts = try settings.texts("origins") ?? []
        var origins: [AllowedOrigin] = []
        for (index, text) in texts.enumerated() {
            guard let origin = AllowedOrigin(text) else {
                throw settings.error("origins", at: index, "'\(text)' is not a valid regex")
            }
            origins.append(origin)
        }
        guard let first = texts.first else { return .everybody }
        if texts.count == 1 {
            if first == "*" { return .everybody }
            if AllowedOrigin.isPlain(first) { return .fixed(Array(first.utf8)) }
        }
        return .listed(origins)
    }

    private static func list(
        _ name: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> [UInt8]? {
        let texts = try settings.texts(name) ?? []
        for (index, text) in texts.enumerated() where !FieldText.isValue(text) {
            throw settings.error(name, at: index, "a header value has no control characters")
        }
        return texts.isEmpty ? nil : Array(texts.joined(separator: ",").utf8)
    }

    /// Answers a preflight; otherwise decides what the response will say.
    func access(_ request: PluginRequest, _ edits: inout PluginEdits) -> PluginVerdict {
        let origin = request.firstValue("origin")
        if request.head.method == .options, let origin,
            request.firstValue("access-control-request-method") != nil
        {
            guard !self.continuesPreflights else { return .next }
            self.grant(origin, &edits)
            self.writePreflight(request, &edits)
            return .answer(PluginAnswer(status: 200, message: nil, body: nil, contentType: nil))
        }
        guard origin != nil || self.answersAbsentOrigin else { return .next }
        self.grant(origin, &edits)
        self.exposedHeaders?.withUnsafeBytes {
            edits.setResponse(
                "access-control-expose-headers",
                as: "Access-Control-Expose-Headers",
                $0
            )
        }
        return .next
    }

    private func writePreflight(_ request: PluginRequest, _ edits: inout PluginEdits) {
        if let headers = self.headers {
            headers.withUnsafeBytes { edits.addResponse("Access-Control-Allow-Headers", $0) }
        } else if let asked = request.firstValue("access-control-request-headers") {
            edits.addResponse("Access-Control-Allow-Headers", asked)
        }
        self.methods.withUnsafeBytes { edits.addResponse("Access-Control-Allow-Methods", $0) }
        self.maximumAge?.withUnsafeBytes { edits.addResponse("Access-Control-Max-Age", $0) }
        if self.allowsPrivateNetwork,
            request.firstValue("access-control-request-private-network")?
                .elementsEqual("true".utf8) == true
        {
            edits.addResponse("Access-Control-Allow-Private-Network", "true")
        }
    }

    /// Writes who may read, and whether with credentials.
    private func grant(_ origin: UnsafeRawBufferPointer?, _ edits: inout PluginEdits) {
        switch self.writeOrigin(origin, &edits) {
        case .everybody:
            guard self.allowsCredentials else { return Self.allow("*", &edits) }
            guard let origin else { return Self.allow("*", &edits) }
            // Credentials do not go with `*`, so whoever asks is named.
            edits.addResponse("Vary", "Origin")
            edits.setResponse(
                "access-control-allow-origin",
                as: "Access-Control-Allow-Origin",
                origin
            )
            Self.allowCredentials(&edits)
        case .origin, .nobody:
            if self.allowsCredentials { Self.allowCredentials(&edits) }
        }
    }

    private func writeOrigin(
        _ origin: UnsafeRawBufferPointer?,
        _ edits: inout PluginEdits
    ) -> Grant {
        switch self.origins {
        case .everybody: return .everybody
        case .fixed(let text):
            edits.addResponse("Vary", "Origin")
            text.withUnsafeBytes {
                edits.setResponse(
                    "access-control-allow-origin",
                    as: "Access-Control-Allow-Origin",
                    $0
                )
            }
            return .origin
        case .listed(let origins):
            edits.addResponse("Vary", "Origin")
            if let origin {
                let parts = WebOrigin(origin)
                for allowed in origins {
                    if case .any = allowed { return .everybody }
                    guard allowed.matches(origin, parts) else { continue }
                    let domain = UnsafeRawBufferPointer(rebasing: origin[parts.domain])
                    edits.setResponse(
                        "access-control-allow-origin",
                        as: "Access-Control-Allow-Origin",
                        domain
                    )
                    return .origin
                }
            }
            edits.dropResponse("access-control-allow-origin")
            return .nobody
        }
    }

    private static func allow(_ origin: StaticString, _ edits: inout PluginEdits) {
        edits.setResponse("access-control-allow-origin", as: "Access-Control-Allow-Origin", origin)
    }

    private static func allowCredentials(_ edits: inout PluginEdits) {
        edits.setResponse(
            "access-control-allow-credentials",
            as: "Access-Control-Allow-Credentials",
            "true"
        )
    }
}
