import MeshEntities
import MeshHTTP

/// Kong's `correlation-id`: gives every request an identity that all hops can log.
///
/// A value that the client sent is kept.
struct CorrelationID: Sendable {
    /// How values are made.
    enum Generator: String, Sendable {
        case uuid
        /// The worker's UUID, `#`, and how many requests it has had.
        case counter = "uuid#counter"
        /// Address, port, process, connection, request on it, and time.
        case tracker
    }

    private let generator: Generator
    private let echoesDownstream: Bool
    /// `name: `, as configured.
    private let prefix: [UInt8]
    private let lowercasedName: [UInt8]

    static let definition = PluginDefinition(
        name: "correlation-id",
        priority: 100_001,
        fields: [
            .standard("header_name", .string, .string("Kong-Request-ID")),
            .choice("generator", ["uuid", "uuid#counter", "tracker"], "uuid#counter"),
            .standard("echo_downstream", .boolean, .bool(false)),
        ],
        compile: { settings throws(PluginError) in
            let plugin = try CorrelationID(settings)
            return PluginStep(
                access: { request, _, edits in
                    plugin.access(request, edits: &edits)
                    return .next
                },
                readsListenAddress: plugin.generator == .tracker,
                correlationField: CorrelationField(
                    name: plugin.lowercasedName,
                    prefix: plugin.prefix
                )
            )
        }
    )

    private init(_ settings: PluginSettings) throws(PluginError) {
        let name = try settings.text("header_name") ?? ""
        guard FieldText.isName(name) else {
            throw settings.error("header_name", "'\(name)' is not a header name")
        }
        guard !FieldText.isReserved(name) else {
            throw settings.error("header_name", "'\(name)' is written by the gateway itself")
        }
        self.generator = try settings.text("generator").flatMap(Generator.init) ?? .counter
        self.echoesDownstream = try settings.flag("echo_downstream") ?? false
        self.prefix = Array("\(name): ".utf8)
        self.lowercasedName = Array(name.lowercased().utf8)
    }

    /// Longest value that is echoed to the client; longer ones are forwarded only.
    private static let echoByteCount = 512

    /// Writes the line for the upstream unless the client sent one with a value, and the line for
    /// the client.
    private func access(_ request: PluginRequest, edits: inout PluginEdits) {
        if let received = request.value(named: self.lowercasedName) {
            return self.echo(received, into: &edits)
        }
        // One without a value is not left beside ours.
        if request.hasField(named: self.lowercasedName) {
            self.lowercasedName.withUnsafeBytes { edits.drop($0) }
        }
        self.prefix.withUnsafeBytes { edits.lines.write($0) }
        let start = edits.lines.count
        self.generate(request, into: &edits.lines)
        if let written = edits.lines.written {
            self.echo(UnsafeRawBufferPointer(rebasing: written[start...]), into: &edits)
        }
        edits.lines.write("\r\n")
    }

    private func echo(_ value: UnsafeRawBufferPointer, into edits: inout PluginEdits) {
        guard self.echoesDownstream, value.count <= Self.echoByteCount else { return }
        self.prefix.withUnsafeBytes { edits.responseLines.write($0) }
        edits.responseLines.write(value)
        edits.responseLines.write("\r\n")
    }

    private func generate(_ request: PluginRequest, into writer: inout HeadWriter) {
        switch self.generator {
        case .uuid: Self.write(uuid: request.random, into: &writer)
        case .counter:
            Self.write(uuid: request.worker, into: &writer)
            writer.write("#")
            writer.write(decimal: request.counter)
        case .tracker:
            writer.write(request.listenAddress)
            Self.write(dashed: UInt64(request.listenPort), into: &writer)
            Self.write(dashed: request.process, into: &writer)
            Self.write(dashed: request.connection, into: &writer)
            Self.write(dashed: request.connectionRequests, into: &writer)
            Self.write(dashed: request.wallMilliseconds / 1_000, into: &writer)
            writer.write(".")
            writer.write(decimal: request.wallMilliseconds / 100 % 10)
            writer.write(decimal: request.wallMilliseconds / 10 % 10)
            writer.write(decimal: request.wallMilliseconds % 10)
        }
    }

    private static func write(dashed number: UInt64, into writer: inout HeadWriter) {
        writer.write("-")
        writer.write(decimal: number)
    }

    /// Writes 128 random bits as a UUID of version 4 (RFC 9562 section 5.4).
    private static func write(uuid: (high: UInt64, low: UInt64), into writer: inout HeadWriter) {
        let high = (uuid.high & ~0xF000) | 0x4000
        let low = (uuid.low & ~(0xC0 << 56)) | (0x80 << 56)
        writer.write(hexadecimal: high >> 32, digitCount: 8)
        writer.write("-")
        writer.write(hexadecimal: high >> 16, digitCount: 4)
        writer.write("-")
        writer.write(hexadecimal: high, digitCount: 4)
        writer.write("-")
        writer.write(hexadecimal: low >> 48, digitCount: 4)
        writer.write("-")
        writer.write(hexadecimal: low, digitCount: 12)
    }
}
