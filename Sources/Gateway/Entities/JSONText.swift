/// Why a JSON text was refused; always its writer's fault.
public struct JSONError: Error, Equatable, Sendable {
    /// What is wrong.
    public var message: String
    /// Line, counted from 1.
    public var line: Int
    /// Column in bytes, counted from 1.
    public var column: Int
}

extension JSONError: CustomStringConvertible {
    /// `3:5 expected ':' after a name`.
    public var description: String { "\(self.line):\(self.column) \(self.message)" }
}

/// Reads JSON strictly, with the place of every value.
///
/// Refuses what other readers pass over in silence: a name given twice unless told otherwise, a number that no `Double`
/// holds, text after the value, and nesting deeper than the limit.
///
/// Source: RFC 8259.
public struct JSONText {
    /// Deepest nesting that is read.
    public static let depthLimit = 128

    /// What becomes of a name that an object has twice.
    public enum EqualNames: Sendable {
        /// The text is refused.
        case refused
        /// The last value counts, as for Kong's reader of bodies (lua-cjson).
        case last
    }

    /// Valid as long as somebody is parsing.
    private let bytes: UnsafeBufferPointer<UInt8>
    private let equalNames: EqualNames
    private var position = 0
    private var line = 1
    private var lineStart = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ equalNames: EqualNames) {
        self.bytes = bytes
        self.equalNames = equalNames
    }

    /// Reads one value and nothing after it.
    ///
    /// - Throws: ``JSONError`` at the first byte that is wrong.
    public static func parse(
        _ bytes: [UInt8],
        equalNames: EqualNames = .refused
    ) throws(JSONError) -> DocumentNode {
        try bytes.withUnsafeBufferPointer { bytes throws(JSONError) in
            var parser = JSONText(bytes, equalNames)
            let node = try parser.value(depth: 0)
            parser.skipSpace()
            guard parser.position == bytes.count else { throw parser.error("text after the value") }
            return node
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> DocumentNode {
        self.skipSpace()
        guard depth < Self.depthLimit else {
            throw self.error("nested deeper than \(Self.depthLimit) levels")
        }
        let (line, column) = (self.line, self.column)
        let value: DocumentValue
        guard let first = self.peek else {
            throw self.error("the text ends where a value should be")
        }
        switch first {
        case UInt8(ascii: "{"): value = try self.object(depth: depth)
        case UInt8(ascii: "["): value = try self.array(depth: depth)
        case UInt8(ascii: "\""): value = .string(try self.string())
        case UInt8(ascii: "t"): value = try self.word("true", .bool(true))
        case UInt8(ascii: "f"): value = try self.word("false", .bool(false))
        case UInt8(ascii: "n"): value = try self.word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): value = try self.number()
        default: throw self.error("expected a value")
        }
        return DocumentNode(value, line: line, column: column)
    }

    private mutating func object(depth: Int) throws(JSONError) -> DocumentValue {
        self.position += 1
        var fields: [DocumentField] = []
        // Only of objects with many names; few are compared one by one.
        var names: Set<[UInt8]> = []
        var hasEqualNames = false
        // As in all bodies that are stored; then a name that comes after the last one is new.
        var isRising = true
        self.skipSpace()
        if self.take("}") { return .object([]) }
        // The fields of an entity are some twenty, those within them few.
        if depth == 0 { fields.reserveCapacity(min(24, self.bytes.count / 24 + 2)) }
        repeat {
            self.skipSpace()
            let (line, column) = (self.line, self.column)
            guard self.peek == UInt8(ascii: "\"") else { throw self.error("expected a name") }
            let name = try self.string()
            isRising = isRising && fields.last.map { $0.name < name } ?? true
            if !isRising, !Self.isNew(name, fields, &names) {
                guard self.equalNames == .last else {
                    throw JSONError(message: "duplicate key '\(name)'", line: line, column: column)
                }
                hasEqualNames = true
            }
            self.skipSpace()
            guard self.take(":") else { throw self.error("expected ':' after a name") }
            let node = try self.value(depth: depth + 1)
            fields.append(DocumentField(name, node, line: line, column: column))
            self.skipSpace()
        } while self.take(",")
        guard self.take("}") else { throw self.error("expected ',' or '}'") }
        return .object(hasEqualNames ? Self.lastOfEach(fields) : fields)
    }

    private static func lastOfEach(_ fields: [DocumentField]) -> [DocumentField] {
        var names: Set<[UInt8]> = []
        return fields.reversed().filter { names.insert(Array($0.name.utf8)).inserted }.reversed()
    }

    private static func isNew(
        _ name: String,
        _ fields: [DocumentField],
        _ names: inout Set<[UInt8]>
    ) -> Bool {
        if fields.count < 32 { return !fields.contains { $0.isNamed(name) } }
        if names.isEmpty { names = Set(fields.map { Array($0.name.utf8) }) }
        return names.insert(Array(name.utf8)).inserted
    }

    private mutating func array(depth: Int) throws(JSONError) -> DocumentValue {
        self.position += 1
        var nodes: [DocumentNode] = []
        self.skipSpace()
        if self.take("]") { return .array([]) }
        repeat {
            nodes.append(try self.value(depth: depth + 1))
            self.skipSpace()
        } while self.take(",")
        guard self.take("]") else { throw self.error("expected ',' or ']'") }
        return .array(nodes)
    }

    private mutating func word(
        _ word: String,
        _ value: DocumentValue
    ) throws(JSONError) -> DocumentValue {
        guard self.bytes[self.position...].starts(with: word.utf8) else {
            throw self.error("expected a value")
        }
        self.position += word.utf8.count
        return value
    }

    private mutating func number() throws(JSONError) -> DocumentValue {
        let start = self.position
        _ = self.take("-")
        let leadsWithZero = self.peek == UInt8(ascii: "0")
        let whole = self.digits()
        guard whole > 0, !(leadsWithZero && whole > 1) else { throw self.error("bad number") }
        var isWhole = true
        if self.take(".") {
            isWhole = false
            guard self.digits() > 0 else { throw self.error("bad number") }
        }
        if self.take("e") || self.take("E") {
            isWhole = false
            if !self.take("+") { _ = self.take("-") }
            guard self.digits() > 0 else { throw self.error("bad number") }
        }
        let digits = UnsafeBufferPointer(rebasing: self.bytes[start..<self.position])
        // Up to 18 digits fit whatever they are.
        if isWhole, whole <= 18 {
            let value = digits.reduce(Int64(0)) { sum, digit in
                digit == UInt8(ascii: "-") ? sum : sum * 10 + Int64(digit & 15)
            }
            return .integer(digits[0] == UInt8(ascii: "-") ? -value : value)
        }
        let text = String(decoding: digits, as: UTF8.self)
        if isWhole, let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else {
            throw self.error("number out of range")
        }
        return DocumentValue(number)
    }

    private mutating func digits() -> Int {
        let start = self.position
        while let byte = self.peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            self.position += 1
        }
        return self.position - start
    }

    private mutating func string() throws(JSONError) -> String {
        self.position += 1
        // Most texts have no escapes and are taken as they stand.
        var end = self.position
        var all: UInt8 = 0
        while end < self.bytes.count, self.bytes[end] >= 0x20, self.bytes[end] != 0x22,
            self.bytes[end] != 0x5C
        {
            all |= self.bytes[end]
            end += 1
        }
        let plain = UnsafeBufferPointer(rebasing: self.bytes[self.position..<end])
        self.position = end
        if self.peek == 0x22 {
            self.position += 1
            let text =
                all < 0x80
                ? String(decoding: plain, as: UTF8.self) : String(validating: plain, as: UTF8.self)
            guard let text else { throw self.error("text is not UTF-8") }
            return text
        }
        var text = Array(plain)
        while let byte = self.peek {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw self.error("text is not UTF-8")
                }
                return valid
            case UInt8(ascii: "\\"): try self.escape(into: &text)
            case 0x00...0x1F: throw self.error("control character in a text")
            default: text.append(byte)
            }
        }
        throw self.error("the text ends inside a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = self.peek else { throw self.error("the text ends inside a string") }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try self.scalar()
            text += String(Character(scalar)).utf8
        default: throw self.error("bad escape")
        }
    }

    private mutating func scalar() throws(JSONError) -> UnicodeScalar {
        let first = try self.unit()
        if let scalar = UnicodeScalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first), self.take("\\"), self.take("u") else {
            throw self.error("lone surrogate")
        }
        let second = try self.unit()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = UnicodeScalar(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw self.error("lone surrogate") }
        return scalar
    }

    private mutating func unit() throws(JSONError) -> UInt32 {
        let digits = self.bytes[self.position...].prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw self.error("bad escape") }
        self.position += 4
        return unit
    }

    private var peek: UInt8? {
        self.position < self.bytes.count ? self.bytes[self.position] : nil
    }

    private var column: Int { self.position - self.lineStart + 1 }

    private mutating func take(_ character: UnicodeScalar) -> Bool {
        guard self.peek == UInt8(ascii: character) else { return false }
        self.position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = self.peek, byte <= 0x20 {
            guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return }
            self.position += 1
            if byte == 0x0A {
                self.line += 1
                self.lineStart = self.position
            }
        }
    }

    private func error(_ message: String) -> JSONError {
        JSONError(message: message, line: self.line, column: self.column)
    }
}

/// Bodies of replicated entity records.
public enum RecordText {
    /// Reads what ``DocumentValue/canonicalJSON`` wrote.
    ///
    /// - Throws: ``JSONError`` when the body is no JSON; a body from a peer may be hostile.
    public static func decode(_ body: [UInt8]) throws(JSONError) -> DocumentNode {
        try JSONText.parse(body)
    }
}
