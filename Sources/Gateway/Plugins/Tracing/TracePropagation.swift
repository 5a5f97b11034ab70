import MeshEntities
import MeshHTTP

/// How a plugin reads and passes on what clients tell of traces: Kong's `propagation` record and the
/// settings it had before.
///
/// Source: Kong 3.9, `kong/observability/tracing/propagation`.
struct TracePropagation: Sendable {
    private static let extractors = [
        "ot", "w3c", "datadog", "b3", "gcp", "jaeger", "aws", "instana",
    ]
    private static let injectors = [
        "preserve", "ot", "w3c", "datadog", "b3", "gcp", "b3-single", "jaeger", "aws",
        "instana",
    ]
    private static let formats = TraceFormat.allCases.map(\.name)

    /// The settings, with the format that is used when a client tells nothing.
    static func fields(standard: String) -> [FieldSchema] {
        var format = FieldSchema.choice("default_format", Self.formats, standard)
        format.isRequired = true
        return [
            FieldSchema("http_response_header_for_traceid", .string),
            .choice(
                "header_type",
                ["preserve", "ignore"] + Self.formats,
                "preserve"
            ),
            FieldSchema(
                "propagation",
                .record([
                    Self.list("extract", Self.extractors),
                    FieldSchema("clear", .array(.string)),
                    Self.list("inject", Self.injectors),
                    format,
                ])
            ),
        ]
    }

    private static func list(_ name: String, _ choices: [String]) -> FieldSchema {
        var field = FieldSchema(name, .array(.string))
        field.choices = choices
        return field
    }

    /// In the order in which they are looked for.
    private let extracted: [TraceFormat]
    private let injected: [TraceFormat]
    private let preserves: Bool
    private let cleared: [[UInt8]]
    private let standard: TraceFormat
    /// Tells clients the name of the trace: a field's name, colon and space; empty for none.
    private let clientField: [UInt8]

    init(_ settings: PluginSettings, standard: String) throws(PluginError) {
        let record = settings.record("propagation")
        let former = try settings.text("default_header_type")
        let name = try record.text("default_format") ?? standard
        var format = TraceFormat(named: name) ?? .w3c
        let extract = try record.texts("extract")
        let inject = try record.texts("inject")
        let clear = try record.texts("clear")
        for name in clear ?? [] where !FieldText.isName(name) {
            throw record.error("clear", "bad header name '\(name)'")
        }
        self.clientField = try Self.clientField(settings)
        self.cleared = (clear ?? []).map { Array($0.lowercased().utf8) }
        guard extract == nil, inject == nil, clear == nil else {
            self.extracted = (extract ?? []).flatMap(Self.format)
            self.injected = (inject ?? []).compactMap { TraceFormat(named: $0) }
            self.preserves = inject?.contains("preserve") ?? false
            self.standard = format
            return
        }
        if let former, let known = TraceFormat(named: former) { format = known }
        self.standard = format
        let type = try settings.text("header_type") ?? "preserve"
        if type == "ignore" {
            self.extracted = []
            self.injected = [format]
            self.preserves = false
        } else {
            self.extracted = ["w3c", "b3", "jaeger", "ot", "datadog", "aws", "gcp", "instana"]
                .flatMap(Self.format)
            self.injected = TraceFormat(named: type).map { [$0] } ?? []
            self.preserves = true
        }
    }

    private static func clientField(_ settings: PluginSettings) throws(PluginError) -> [UInt8] {
        guard let name = try settings.text("http_response_header_for_traceid"), !name.isEmpty
        else { return [] }
        guard FieldText.isName(name), !FieldText.isReserved(name) else {
            throw settings.error("http_response_header_for_traceid", "bad header name '\(name)'")
        }
        return Array("\(name): ".utf8)
    }

    /// Kong reads both forms of B3 under one name.
    private static func format(_ name: String) -> [TraceFormat] {
        name == "b3" ? [.b3Single, .b3] : TraceFormat(named: name).map { [$0] } ?? []
    }

    /// The trace that a request belongs to, begun here if it belongs to none; it is recorded when the
    /// client says so, or else by chance.
    ///
    /// - Parameters:
    ///   - request: what the client sent.
    ///   - state: takes the trace.
    ///   - rate: the chance, 0 to 1.
    ///   - isShort: whether a new trace has an identity of 64 bits.
    func begin(
        _ request: PluginRequest,
        _ state: inout PluginState,
        rate: Double,
        isShort: Bool = false
    ) {
        guard !state.trace.isSome else { return }
        var context = TraceContext()
        for format in self.extracted {
            guard let found = format.read(request) else { continue }
            context = found
            break
        }
        if context.isSome {
            context.parent = context.span
        } else {
            context.trace = (isShort ? 0 : request.random.high | 1, request.random.low | 1)
            context.isShort = isShort
            context.parent = 0
        }
        context.span = (request.random.high ^ request.random.low &* 0x9E37_79B9_7F4A_7C15) | 1
        if context.isSampled == nil {
            let chance = Double(request.random.high >> 11) / Double(UInt64(1) << 53)
            context.isSampled = chance < rate
        }
        state.trace = context
    }

    /// Tells the target: its part is below the one that asks it; and the client, if it shall know.
    func inject(_ state: PluginState, _ edits: inout PluginEdits) {
        for name in self.cleared { edits.drop(name) }
        var told = state.trace
        told.parent = told.span
        told.span = told.child(0)
        let kept = self.preserves ? told.format ?? self.standard : nil
        if let kept { kept.write(told, into: &edits) }
        for format in self.injected where format != kept { format.write(told, into: &edits) }
        guard !self.clientField.isEmpty else { return }
        self.clientField.withUnsafeBytes { edits.responseLines.write($0) }
        if !told.isShort || told.trace.high != 0 { Self.write(told.trace.high, &edits) }
        Self.write(told.trace.low, &edits)
        edits.responseLines.write("\r\n")
    }

    private static func write(_ half: UInt64, _ edits: inout PluginEdits) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: half >> shift) & 15
            edits.responseLines.write(byte: digit < 10 ? digit + 0x30 : digit + 0x57)
        }
    }
}
