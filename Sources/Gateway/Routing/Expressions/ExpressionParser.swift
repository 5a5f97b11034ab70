internal import MeshPrimitives

/// Reads Kong's expression language.
///
///     expression := choice ( "&&" choice )*
///     choice     := term ( "||" term )*
///     term       := "!"? "(" expression ")"  |  side operator constant
///     side       := field  |  ( "lower" | "any" ) "(" side ")"
///
/// `||` binds tighter than `&&`, the other way round than in C.
///
/// Source: Kong/atc-router 1.7, `src/parser.rs` and `src/atc_grammar.pest`.
struct ExpressionParser {
    /// Longest text, in bytes.
    static let byteLimit = 65_536
    /// Deepest nesting of parentheses and functions.
    static let depthLimit = 100

    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0
    /// Whether `&&` and `||` stand beside each other without parentheses.
    private(set) var mixesOperators = false
    /// Whether the term at hand stands behind an `&&` of the same parentheses.
    private var isBehindAnd = false

    init(_ text: String) { self.bytes = Array(text.utf8) }

    /// Reads the whole text.
    mutating func parse() throws(ExpressionFailure) -> RouteExpression {
        guard self.bytes.count <= Self.byteLimit else {
            throw ExpressionFailure("the expression is longer than \(Self.byteLimit) bytes")
        }
        let expression = try self.expression()
        self.skipSpace()
        guard self.index == self.bytes.count else {
            throw self.expected("EOI, && or ||", at: self.index)
        }
        return expression
    }

    private mutating func expression() throws(ExpressionFailure) -> RouteExpression {
        var parts = [try self.choice()]
        while self.take("&&") {
            self.isBehindAnd = true
            parts.append(try self.choice())
        }
        self.isBehindAnd = false
        return parts.count > 1 ? .all(parts) : parts[0]
    }

    private mutating func choice() throws(ExpressionFailure) -> RouteExpression {
        var parts = [try self.term()]
        while self.take("||") { parts.append(try self.term()) }
        guard parts.count > 1 else { return parts[0] }
        self.skipSpace()
        if self.isBehindAnd || self.starts(with: "&&") { self.mixesOperators = true }
        return .any(parts)
    }

    private mutating func term() throws(ExpressionFailure) -> RouteExpression {
        self.skipSpace()
        let start = self.index
        let isNegated = self.take("!")
        if self.take("(") {
            let outer = self.isBehindAnd
            self.isBehindAnd = false
            try self.descend(at: start)
            let inner = try self.expression()
            self.depth -= 1
            guard self.take(")") else { throw self.expected("), && or ||", at: self.index) }
            self.isBehindAnd = outer
            return isNegated ? .not(inner) : inner
        }
        guard !isNegated else { throw self.expected("term", at: start) }
        return .predicate(try self.predicate())
    }

    private mutating func descend(at start: Int) throws(ExpressionFailure) {
        self.depth += 1
        guard self.depth <= Self.depthLimit else {
            throw self.failure("nested deeper than \(Self.depthLimit) levels", at: start)
        }
    }

    private mutating func predicate() throws(ExpressionFailure) -> RouteExpression.Predicate {
        let side = try self.side()
        let comparison = try self.comparison()
        self.skipSpace()
        let start = self.index
        let constant = try self.constant()
        if comparison == .regex {
            guard case .text = constant else {
                throw self.failure(
                    "regex operator can only be used with String operands",
                    at: start
                )
            }
        }
        return RouteExpression.Predicate(
            field: side.field,
            isLowered: side.isLowered,
            isAny: side.isAny,
            comparison: comparison,
            constant: constant
        )
    }

    private mutating func side() throws(ExpressionFailure) -> (
        field: String, isLowered: Bool, isAny: Bool
    ) {
        self.skipSpace()
        let start = self.index
        let name = try self.identifier()
        self.skipSpace()
        guard self.take("(") else { return (name, false, false) }
        guard name == "lower" || name == "any" else {
            throw self.failure("unknown transformation function: \(name)", at: start)
        }
        try self.descend(at: start)
        var inner = try self.side()
        self.depth -= 1
        guard self.take(")") else { throw self.expected(")", at: self.index) }
        if name == "lower" { inner.isLowered = true } else { inner.isAny = true }
        return inner
    }

    private mutating func identifier() throws(ExpressionFailure) -> String {
        let start = self.index
        guard let first = self.next, Self.isLetter(first) else {
            throw self.expected("term", at: start)
        }
        while let byte = self.next,
            Self.isLetter(byte) || Self.isDigit(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".")
        {
            self.index += 1
        }
        return String(decoding: self.bytes[start..<self.index], as: UTF8.self)
    }

    private mutating func comparison() throws(ExpressionFailure) -> RouteExpression.Comparison {
        let symbols: [RouteExpression.Comparison] = [
            .equal, .notEqual, .regex, .prefix, .suffix, .atLeast, .greater, .atMost, .less,
            .inside, .contains,
        ]
        self.skipSpace()
        let start = self.index
        for symbol in symbols where self.take(symbol.rawValue) { return symbol }
        if self.take("not"), self.take("in") { return .notInside }
        throw self.expected("binary_operator", at: start)
    }
}

extension ExpressionParser {
    private mutating func constant() throws(ExpressionFailure) -> RouteExpression.Constant {
        if self.take("r#\"") { return .text(try self.rawText()) }
        if self.take("\"") { return .text(try self.text()) }
        let start = self.index
        while let byte = self.next, Self.isWord(byte) { self.index += 1 }
        let word = String(decoding: self.bytes[start..<self.index], as: UTF8.self)
        guard !word.isEmpty else { throw self.expected("constant", at: start) }
        guard word.contains(":") || word.contains(".") else {
            return .integer(try self.integer(word, at: start))
        }
        return try self.address(word, at: start)
    }

    private func address(
        _ word: String,
        at start: Int
    ) throws(ExpressionFailure) -> RouteExpression.Constant {
        let parts = word.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Self.address(parts[0]) else {
            throw self.failure("invalid IP address syntax", at: start)
        }
        guard parts.count == 2 else { return .address(address) }
        guard let block = AddressBlock("\(parts[0])/\(parts[1])") else {
            throw self.failure("invalid length for network", at: start)
        }
        guard block.base == address else {
            throw self.failure("host part of address was not zero", at: start)
        }
        return .block(block)
    }

    private static func address(_ text: Substring) -> IPAddress? {
        Array(text.utf8).withUnsafeBytes { IPAddress(ascii: $0) }
    }

    private func integer(_ word: String, at start: Int) throws(ExpressionFailure) -> Int64 {
        let isNegative = word.hasPrefix("-")
        var digits = isNegative ? word.dropFirst() : word[...]
        var radix = 10
        if digits.hasPrefix("0x") {
            (digits, radix) = (digits.dropFirst(2), 16)
        } else if digits.hasPrefix("0"), digits.utf8.count > 1,
            digits.utf8.allSatisfy({ $0 >= 0x30 && $0 < 0x38 })
        {
            (digits, radix) = (digits.dropFirst(), 8)
        }
        guard !digits.isEmpty, digits.utf8.first != UInt8(ascii: "-"),
            digits.allSatisfy({ $0.isHexDigit && (radix == 16 || $0.isNumber) })
        else { throw self.expected("constant", at: start) }
        guard let number = Int64((isNegative ? "-" : "") + digits, radix: radix) else {
            throw self.failure("number too large to fit in target type", at: start)
        }
        return number
    }

    private mutating func rawText() throws(ExpressionFailure) -> String {
        let start = self.index
        while self.index < self.bytes.count {
            if self.starts(with: "\"#") {
                let text = String(decoding: self.bytes[start..<self.index], as: UTF8.self)
                self.index += 2
                return text
            }
            self.index += 1
        }
        throw self.expected("\"#", at: self.index)
    }

    private mutating func text() throws(ExpressionFailure) -> String {
        var text: [UInt8] = []
        while let byte = self.next {
            self.index += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escape = self.next, let meant = Self.escapes[escape] else {
                    throw self.expected("str_esc or str_char", at: self.index - 1)
                }
                self.index += 1
                text.append(meant)
            default:
                text.append(byte)
            }
        }
        throw self.expected("\"", at: self.index)
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]
}

extension ExpressionParser {
    private var next: UInt8? {
        self.index < self.bytes.count ? self.bytes[self.index] : nil
    }

    private mutating func skipSpace() {
        while let byte = self.next, [0x20, 0x09, 0x0D, 0x0A].contains(byte) { self.index += 1 }
    }

    private func starts(with text: String) -> Bool {
        self.bytes[self.index...].starts(with: text.utf8)
    }

    private mutating func take(_ text: String) -> Bool {
        self.skipSpace()
        guard self.starts(with: text) else { return false }
        self.index += text.utf8.count
        return true
    }

    private func expected(_ what: String, at place: Int) -> ExpressionFailure {
        self.failure("expected \(what)", at: place)
    }

    /// A failure with line and column inside the expression, counted from 1.
    private func failure(_ message: String, at place: Int) -> ExpressionFailure {
        let before = self.bytes[..<place]
        let line = before.count { $0 == 0x0A } + 1
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let column = String(decoding: self.bytes[start..<place], as: UTF8.self).count + 1
        return ExpressionFailure("\(line):\(column): \(message)")
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// Whether a byte can be part of a number or an address.
    private static func isWord(_ byte: UInt8) -> Bool {
        self.isLetter(byte) || self.isDigit(byte) || ":./-".utf8.contains(byte)
    }
}
