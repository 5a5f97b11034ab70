/// An operator's own body for errors: three stretches of text around message and request id.
///
/// Source: Kong 3.x, `error_template_json` and its siblings: a format of Lua with two `%s`.
public struct ErrorTemplate: Equatable, Sendable {
    /// Why a text is no template.
    public indirect enum Fault: Error, Equatable, Sendable {
        /// It has this many `%s`; there must be two, for message and request id.
        case placeholders(count: Int)
        /// A `%` at this byte that begins neither `%s` nor `%%`.
        case percent(offset: Int)
        /// It has so many bytes, more than ``ErrorTemplate/byteCountLimit``.
        case tooLong(byteCount: Int)
    }

    /// Longest template: 16 KiB, so that every error fits one buffer.
    public static let byteCountLimit = 16_384

    let beforeMessage: [UInt8]
    let beforeID: [UInt8]
    let end: [UInt8]

    /// Reads a template; `%%` stands for a percent sign.
    ///
    /// - Throws: why the text is none.
    public init(_ text: String) throws(Fault) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.byteCountLimit else { throw .tooLong(byteCount: bytes.count) }
        var parts: [[UInt8]] = [[]]
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                parts[parts.count - 1].append(byte)
                continue
            }
            switch index < bytes.count ? bytes[index] : 0 {
            case UInt8(ascii: "s"): parts.append([])
            case UInt8(ascii: "%"): parts[parts.count - 1].append(byte)
            default: throw .percent(offset: index - 1)
            }
            index += 1
        }
        guard parts.count == 3 else { throw .placeholders(count: parts.count - 1) }
        self.beforeMessage = parts[0]
        self.beforeID = parts[1]
        self.end = parts[2]
    }

    var byteCount: Int { self.beforeMessage.count + self.beforeID.count + self.end.count }
}

/// The operator's bodies for errors by form; a form without one has Kong's.
public struct ErrorTemplates: Equatable, Sendable {
    private var templates: [ErrorTemplate?] = []

    /// Creates the set that leaves every form as Kong has it.
    public init() {}

    /// The body of a form; setting it for ``ErrorFormat/grpc`` has no effect, that has none.
    public subscript(format: ErrorFormat) -> ErrorTemplate? {
        get {
            let index = Int(format.rawValue)
            return index < self.templates.count ? self.templates[index] : nil
        }
        set {
            guard format != .grpc else { return }
            if self.templates.isEmpty {
                self.templates = Array(repeating: nil, count: ErrorFormat.allCases.count)
            }
            self.templates[Int(format.rawValue)] = newValue
        }
    }
}
