import MeshEntities
import MeshHTTP

/// Kong's `request-size-limiting`: refuses bodies that are too long, by their announced length or,
/// without one, as soon as too much of them has come.
///
/// Source: Kong 3.9, `kong/plugins/request-size-limiting`.
struct RequestSizeLimiting: Sendable {
    static let definition = PluginDefinition(
        name: "request-size-limiting",
        priority: 951,
        fields: RequestSizeLimiting.fields
    ) { settings throws(PluginError) in
        let step = try RequestSizeLimiting(settings)
        return PluginStep(access: { request, state, _ in step.access(request, &state) })
    }

    private static let units: KeyValuePairs<String, UInt64> = [
        "megabytes": 1_048_576, "kilobytes": 1_024, "bytes": 1,
    ]

    private static let fields: [FieldSchema] = [
        .standard("allowed_payload_size", .integer, .integer(128)),
        .choice("size_unit", Self.units.map(\.key), "megabytes"),
        .standard("require_content_length", .boolean, .bool(false)),
    ]

    private static let message = "Request size limit exceeded"

    /// Most bytes of a body.
    private let limit: UInt64
    private let requiresLength: Bool

    init(_ settings: PluginSettings) throws(PluginError) {
        let size = try settings.integer("allowed_payload_size") ?? 128
        let unit = try settings.text("size_unit")
        let bytes = Self.units.first { $0.key == unit }?.value ?? 1
        let (limit, isTooLarge) = UInt64(max(0, size)).multipliedReportingOverflow(by: bytes)
        self.limit = isTooLarge ? .max : limit
        self.requiresLength = try settings.flag("require_content_length") ?? false
    }

    /// Judges what the head announces; what comes without a length is counted by the data plane.
    func access(_ request: PluginRequest, _ state: inout PluginState) -> PluginVerdict {
        if let length = request.head.declaredLength {
            guard length > self.limit else { return .next }
            let status: UInt16 = request.head.expectsContinue ? 417 : 413
            return .answer(PluginAnswer(status: status, error: Self.message))
        }
        guard !self.requiresLength else {
            return .answer(
                PluginAnswer(status: 411, error: "A valid Content-Length header is required")
            )
        }
        state.bodyLimit = min(state.bodyLimit, self.limit)
        return .next
    }
}
