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

    let generator: Generator
    private let echoesDownstream: Bool
    /// `name: `, as configured.
    private let prefix: [UInt8]
    private let lowercasedName: [UInt8]

    init(_ plugin: Plugin) throws(PluginError) {
        let settings = PluginSettings(plugin: plugin)
        try settings.refuseOthers(than: ["header_name", "generator", "echo_downstream"])
        let name = try settings.text("header_name") ?? "Kong-Request-ID"
        guard FieldText.isName(name) else {
            throw settings.error("header_name", "'\(name)' is not a header name")
        }
        guard !FieldText.isReserved(name) else {
            throw settings.error("header_name", "'\(name)' is written by the gateway itself")
        }
        let generator = try settings.text("generator") ?? Generator.counter.rawValue
        guard let known = Generator(rawValue: generator) else {
            throw settings.error("generator", "expected one of: uuid, uuid#counter, tracker")
        }
        self.generator = known
        self.echoesDownstream = try settings.flag("echo_downstream") ?? false
        self.prefix = Array("\(name): ".utf8)
        self.lowercasedName = Array(name.lowercased().utf8)
    }

    /// Writes the line for the upstream unless the client sent one with a value.
    func access(
        _ request: PluginRequest,
        state: inout PluginState,
        upstreamFields writer: inout HeadWriter
    ) {
        var received: UnsafeRawBufferPointer?
        self.lowercasedName.withUnsafeBytes { name in
            _ = request.fields.anyValue(
                named: name,
                count: request.head.fieldCount,
                of: request.bytes
            ) { value in
                if !value.isEmpty { received = value }
                return !value.isEmpty
            }
        }
        if let received {
            if self.echoesDownstream { state.keep(received) }
            return
        }
        self.prefix.withUnsafeBytes { writer.write($0) }
        let start = writer.count
        self.generate(request, into: &writer)
        if self.echoesDownstream, let written = writer.written {
            state.keep(UnsafeRawBufferPointer(rebasing: written[start...]))
        }
        writer.write("\r\n")
    }

    /// Writes the line for the client.
    func response(_ state: PluginState, into writer: inout HeadWriter) {
        guard self.echoesDownstream, state.hasCorrelation else { return }
        self.prefix.withUnsafeBytes { writer.write($0) }
        state.writeCorrelation(into: &writer)
        writer.write("\r\n")
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
