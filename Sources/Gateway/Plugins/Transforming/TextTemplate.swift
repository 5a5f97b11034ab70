/// A text with `$(expression)` in it, as Kong's transformers take.
///
/// Source: Kong 3.9, `request-transformer`, which renders with Penlight's `pl.template`: what is nil
/// or false renders as nothing.
struct TextTemplate: Sendable {
    private enum Part: Sendable {
        case literal([UInt8])
        case expression(LuaExpression)
    }

    private let parts: [Part]

    /// Whether it looks at what a route's regex captured.
    let readsCaptures: Bool

    /// Reads a template.
    ///
    /// - Throws: ``LuaExpression/Fault`` naming an expression that cannot be obeyed.
    init(_ text: String) throws(LuaExpression.Fault) {
        var parts: [Part] = []
        var literal: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "$"), index + 1 < bytes.count,
                bytes[index + 1] == UInt8(ascii: "(")
            else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            guard let end = Self.end(of: bytes, from: index + 1) else {
                throw LuaExpression.Fault(
                    expression: String(decoding: bytes[index...], as: UTF8.self),
                    reason: "its parenthesis is not closed"
                )
            }
            if !literal.isEmpty { parts.append(.literal(literal)) }
            literal = []
            let inner = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
            parts.append(.expression(try LuaExpression(inner)))
            index = end + 1
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        self.parts = parts
        self.readsCaptures = parts.contains { part in
            if case .expression(let expression) = part { expression.readsCaptures } else { false }
        }
    }

    /// Where the parenthesis that opens at `start` closes; quotes hide parentheses.
    private static func end(of bytes: [UInt8], from start: Int) -> Int? {
        var depth = 0
        var quote: UInt8?
        for index in start..<bytes.count {
            let byte = bytes[index]
            if let open = quote {
                if byte == open { quote = nil }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return index }
            default: break
            }
        }
        return nil
    }

    /// The text for one request.
    func render(_ values: some TemplateValues) -> [UInt8] {
        var text: [UInt8] = []
        for part in self.parts {
            switch part {
            case .literal(let bytes): text += bytes
            case .expression(let expression): text += expression.evaluate(values).text
            }
        }
        return text
    }
}

/// What templates may look at.
protocol TemplateValues {
    /// The value of one entry of `headers`, `query_params` or `uri_captures`; nil when it is absent.
    func value(_ table: LuaExpression.Table, _ key: String) -> [UInt8]?
}
