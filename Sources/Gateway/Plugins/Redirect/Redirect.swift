import MeshEntities
import MeshHTTP

/// Kong's `redirect`: sends the client to another place.
///
/// Source: Kong 3.9, `kong/plugins/redirect`.
struct Redirect: Sendable {
    static let definition = PluginDefinition(
        name: "redirect",
        priority: 779,
        fields: Redirect.fields
    ) { settings throws(PluginError) in
        let step = try Redirect(settings)
        return PluginStep(access: { request, _, edits in step.access(request, &edits) })
    }

    private static let fields: [FieldSchema] = [
        .standard("status_code", .integer, .integer(301), in: 100...599),
        .required("location", .string),
        .standard("keep_incoming_path", .boolean, .bool(false)),
    ]

    private let answer: PluginAnswer
    private let location: [UInt8]
    /// Scheme, host and port of the location, and its fragment, around the request's own path;
    /// `nil` when the location is used as it is.
    private let frame: (origin: [UInt8], fragment: [UInt8])?

    init(_ settings: PluginSettings) throws(PluginError) {
        let status = try settings.integer("status_code") ?? 301
        guard status >= 200 else {
            throw settings.error("status_code", "an interim status cannot end a request")
        }
        guard let location = try settings.text("location") else {
            throw settings.error("location", "required field missing")
        }
        guard FieldText.isValue(location), let origin = Self.originCount(location) else {
            throw settings.error("location", "missing host in url")
        }
        let bytes = Array(location.utf8)
        let keeps = try settings.flag("keep_incoming_path") ?? false
        let fragment = bytes.firstIndex(of: UInt8(ascii: "#")) ?? bytes.count
        self.location = bytes
        self.frame = keeps ? (Array(bytes[..<origin]), Array(bytes[fragment...])) : nil
        self.answer = PluginAnswer(
            status: UInt16(status),
            message: nil,
            body: "redirecting",
            contentType: nil
        )
    }

    /// Bytes of `scheme://host:port`; `nil` without a host.
    private static func originCount(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        let marks = Array("://".utf8)
        guard let scheme = bytes.indices.first(where: { bytes[$0...].starts(with: marks) }),
            scheme > 0
        else { return nil }
        let start = scheme + marks.count
        let end = bytes[start...].firstIndex { "/?#".utf8.contains($0) } ?? bytes.count
        return end > start ? end : nil
    }

    /// Answers; the place is a line of the response's head.
    func access(_ request: PluginRequest, _ edits: inout PluginEdits) -> PluginVerdict {
        guard let frame = self.frame else {
            self.location.withUnsafeBytes { edits.addResponse("Location", $0) }
            return .answer(self.answer)
        }
        edits.responseLines.write("Location: ")
        frame.origin.withUnsafeBytes { edits.responseLines.write($0) }
        let path = request.head.path.bytes(of: request.bytes)
        if path.isEmpty { edits.responseLines.write("/") } else { edits.responseLines.write(path) }
        edits.responseLines.write(request.head.query.bytes(of: request.bytes))
        frame.fragment.withUnsafeBytes { edits.responseLines.write($0) }
        edits.responseLines.write("\r\n")
        return .answer(self.answer)
    }
}
