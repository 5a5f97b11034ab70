public import MeshHTTP

/// Bodies of the gateway's own errors that an operator gave; `nil` where the built-in one stays.
public struct ErrorTemplates: Equatable, Sendable {
    /// `proxy.error_template_json`.
    public var json: ErrorTemplate?
    /// `proxy.error_template_html`.
    public var html: ErrorTemplate?
    /// `proxy.error_template_xml`.
    public var xml: ErrorTemplate?
    /// `proxy.error_template_plain`.
    public var plain: ErrorTemplate?

    /// Creates none.
    public init() {}

    /// The template of a form.
    public subscript(format: ErrorFormat) -> ErrorTemplate? {
        switch format {
        case .json: self.json
        case .html: self.html
        case .xml: self.xml
        case .plain: self.plain
        }
    }
}

/// The text of an error's body around its message and the request's id.
public struct ErrorTemplate: Equatable, Sendable {
    /// What stands before the message.
    public let beforeMessage: [UInt8]
    /// What stands between message and id.
    public let beforeID: [UInt8]
    /// What stands after the id.
    public let end: [UInt8]

    /// Splits a text at its two `%s`, message first, as Kong's templates have them.
    ///
    /// `nil` when there are not exactly two. Other per cent signs are kept as they are.
    public init?(_ text: String) {
        let parts = text.split(separator: "%s", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        self.beforeMessage = Array(parts[0].utf8)
        self.beforeID = Array(parts[1].utf8)
        self.end = Array(parts[2].utf8)
    }
}
