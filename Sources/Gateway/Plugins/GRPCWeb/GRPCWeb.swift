import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `grpc-web`: browsers call gRPC services.
///
/// The target gets `application/grpc`. The client gets what the target answers, piece by piece, and its
/// trailer fields as a last frame of the body; in Base64 when it asked in Base64.
///
/// Source: Kong's `kong/plugins/grpc-web`, version 3.9; grpc/grpc, `doc/PROTOCOL-WEB.md`.
struct GRPCWeb: Sendable {
    static let definition = PluginDefinition(
        name: "grpc-web",
        priority: 3,
        fields: [
            FieldSchema("proto", .string),
            FieldSchema("pass_stripped_path", .boolean),
            .standard("allow_origin_header", .string, .string("*")),
        ],
        compile: { settings throws(PluginError) in
            let plugin = try GRPCWeb(settings)
            return PluginStep(
                access: { request, state, edits in plugin.access(request, &state, &edits) },
                response: { _, state, edits in Self.respond(state, &edits) },
                body: { piece, plain, output in Self.write(piece, plain, &output) },
                whole: { side, _, _, body, state in
                    side == .request && state.webCall.isText ? Self.decode(body) : nil
                },
                check: { _, state, body in
                    state.webCall.isText && Self.decode(body) == nil ? Self.damaged : nil
                }
            )
        }
    )

    /// How a client calls.
    enum Call: UInt8, Sendable {
        case none
        case binary
        case binaryProto
        case text
        case textProto

        /// The values of `Content-Type`.
        static let types: KeyValuePairs<String, Call> = [
            "application/grpc-web": .binary, "application/grpc-web+proto": .binaryProto,
            "application/grpc-web-text": .text, "application/grpc-web-text+proto": .textProto,
        ]

        var isText: Bool { self == .text || self == .textProto }

        var type: String { Self.types.first { $0.value == self }?.key ?? "" }
    }

    private static let untranslated = PluginAnswer(
        status: 400,
        contentType: "",
        body: Array("transcoding requests require a .proto file defining the service".utf8)
    )
    private static let damaged = PluginAnswer(
        status: 400,
        contentType: "",
        body: Array("the body is no Base64".utf8)
    )
    private static let typeField = Array("content-type".utf8)

    private let origin: [UInt8]
    private let passesStrippedPath: Bool
    private let preflight: PluginAnswer

    private init(_ settings: PluginSettings) throws(PluginError) {
        if let file = try settings.text("proto") {
            throw settings.error(
                "proto",
                "'\(file)' would translate bodies in JSON, which is not built yet; remove it: "
                    + "clients that send application/grpc-web or application/grpc-web-text, with "
                    + "or without +proto, need no .proto file"
            )
        }
        self.passesStrippedPath = try settings.flag("pass_stripped_path") ?? false
        let origin = try settings.text("allow_origin_header") ?? "*"
        guard FieldText.isValue(origin) else {
            throw settings.error(
                "allow_origin_header",
                "a header value has no control characters"
            )
        }
        self.origin = Array(origin.utf8)
        self.preflight = PluginAnswer(
            status: 200,
            lines: "Access-Control-Allow-Methods: POST\r\n"
                + "Access-Control-Allow-Headers: content-type,x-grpc-web,x-user-agent\r\n",
            contentType: "application/grpc-web-text+proto",
            body: Array("OK".utf8)
        )
    }

    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        self.origin.withUnsafeBytes {
            edits.setResponse(
                "access-control-allow-origin",
                as: "Access-Control-Allow-Origin",
                $0
            )
        }
        if request.head.method == .options { return .answer(self.preflight) }
        let type = request.value(named: Self.typeField).map { String(decoding: $0, as: UTF8.self) }
        guard let call = Call.types.first(where: { $0.key == type })?.value else {
            return .answer(Self.untranslated)
        }
        state.webCall = call
        edits.drop("content-type")
        edits.drop("te")
        edits.lines.write("Content-Type: application/grpc\r\nTE: trailers\r\n")
        if !self.passesStrippedPath, edits.path.written?.isEmpty ?? true {
            edits.path.write(request.path)
        }
        if call.isText {
            edits.collectsBody = true
            edits.requiresBody = true
        }
        return .next
    }

    /// Tells the client the type that it asked with, when a target answers.
    private static func respond(_ state: PluginState, _ edits: inout PluginEdits) {
        guard state.webCall != .none, edits.status != 0 else { return }
        var type = state.webCall.type
        edits.drop("content-type")
        type.withUTF8 { edits.add("Content-Type", UnsafeRawBufferPointer($0)) }
    }

    private static func write(
        _ piece: PluginBodyPiece,
        _ plain: UnsafeRawBufferPointer,
        _ output: inout HeadWriter
    ) {
        let call = piece.state.webCall
        guard piece.side == .response, call != .none else { return output.write(plain) }
        let frame = piece.isLast ? TrailerFrame.make(piece.trailers) : []
        guard call.isText else {
            output.write(plain)
            return frame.withUnsafeBytes { output.write($0) }
        }
        // Each piece is Base64 by itself, with its padding, as clients expect of streams.
        for bytes in [Array(plain), frame] where !bytes.isEmpty {
            var text = Base64.encode(bytes)
            text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
            text.withUTF8 { output.write(UnsafeRawBufferPointer($0)) }
        }
    }

    /// What stands for a body of pieces in Base64, each with its padding; nil for what is none.
    static func decode(_ body: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var start = 0
        while start < body.count {
            var end = body[start...].firstIndex(of: UInt8(ascii: "=")) ?? body.count
            while end < body.count, body[end] == UInt8(ascii: "=") { end += 1 }
            guard let piece = Base64.decode(body[start..<end]) else { return nil }
            bytes += piece
            start = end
        }
        return bytes
    }
}

/// The last frame of an answer, which holds its trailer fields.
enum TrailerFrame {
    /// Makes a frame of whole lines; the status of a call comes first.
    ///
    /// As in Kong, a target that says no status has succeeded.
    static func make(_ trailers: UnsafeRawBufferPointer) -> [UInt8] {
        var status = Array("0".utf8)
        var message: [UInt8] = []
        var others: [UInt8] = []
        for line in trailers.split(separator: 0x0A) {
            let line = line.last == 0x0D ? line.dropLast() : line
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = line[..<colon].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            let value = line[(colon + 1)...].drop { $0 == 0x20 }
            switch String(decoding: name, as: UTF8.self) {
            case "grpc-status": status = Array(value)
            case "grpc-message": message = Array(value)
            default: others += name + [UInt8(ascii: ":")] + value + [0x0D, 0x0A]
            }
        }
        let text =
            Array("grpc-status:".utf8) + status + Array("\r\ngrpc-message:".utf8) + message
            + [0x0D, 0x0A] + others
        let count = UInt32(clamping: text.count)
        let length = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
        return [0x80] + length + text
    }
}
