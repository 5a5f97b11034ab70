/// One entry of the origins that `cors` allows.
enum AllowedOrigin: Sendable {
    /// `*`.
    case any
    /// A whole origin, compared after both are normalized.
    case domain([UInt8])
    /// A regex for the host, or for the whole origin when it has a colon.
    case pattern(PluginPattern, subject: Subject)

    /// What a regex is matched against.
    enum Subject {
        case host
        case domain
    }

    /// Reads an entry; `nil` for a faulty regex.
    ///
    /// As in Kong: whatever has a character that no plain origin has is a regex, and a regex has to
    /// match from the beginning to the end.
    init?(_ entry: String) {
        if entry == "*" {
            self = .any
            return
        }
        if Self.isPlain(entry) {
            self = .domain(
                Array(entry.utf8).withUnsafeBytes { Array($0[WebOrigin($0).domain]) }
            )
            return
        }
        var text = entry
        if !text.hasSuffix("$") { text += "$" }
        if text.hasPrefix("^") { text.removeFirst() }
        guard let pattern = PluginPattern(text, anchored: .start) else { return nil }
        self = .pattern(pattern, subject: entry.utf8.contains(UInt8(ascii: ":")) ? .domain : .host)
    }

    /// Whether the text is no regex.
    static func isPlain(_ entry: String) -> Bool {
        entry.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: ".:/-".utf8.contains(byte)
            }
        }
    }

    /// Whether a client's origin is this; a regex that cannot tell does not match.
    func matches(_ text: UnsafeRawBufferPointer, _ origin: WebOrigin) -> Bool {
        switch self {
        case .any: true
        case .domain(let domain): text[origin.domain].elementsEqual(domain)
        case .pattern(let pattern, let subject):
            pattern.match(
                UnsafeRawBufferPointer(
                    rebasing: text[subject == .host ? origin.host : origin.domain]
                )
            ) == .match
        }
    }
}
