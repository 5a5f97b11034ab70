/// One piece of text in a table, and how alarming it is.
public struct Cell: Equatable, Sendable {
    /// How a terminal shows it; the text alone must say the same.
    public enum Tone: Sendable {
        /// Nothing special.
        case plain
        /// As it should be.
        case good
        /// Worth a look.
        case warning
        /// Wrong.
        case bad
    }

    /// What is shown.
    public var text: String
    /// How alarming it is.
    public var tone: Tone

    /// Creates a cell; control characters become `?`, so that no name can steer the terminal.
    public init(_ text: String, _ tone: Tone = .plain) {
        self.text = String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : scalar
                }
            )
        )
        self.tone = tone
    }

    /// The text cut in the middle to at most `width` characters.
    public static func cut(_ text: String, to width: Int) -> String {
        guard text.count > width else { return text }
        guard width > 1 else { return String(text.prefix(width)) }
        let tail = (width - 1) / 2
        return "\(text.prefix(width - 1 - tail))…\(text.suffix(tail))"
    }

    /// The text cut at its end to at most `width` characters.
    public static func cutEnd(_ text: String, to width: Int) -> String {
        text.count > width ? "\(text.prefix(max(0, width - 1)))…" : text
    }

    func coloured(_ shown: String) -> String {
        switch self.tone {
        case .plain: shown
        case .good: "\u{1B}[32m\(shown)\u{1B}[0m"
        case .warning: "\u{1B}[33m\(shown)\u{1B}[0m"
        case .bad: "\u{1B}[31m\(shown)\u{1B}[0m"
        }
    }
}

extension Cell: ExpressibleByStringLiteral {
    /// A plain cell.
    public init(stringLiteral text: String) { self.init(text) }
}
