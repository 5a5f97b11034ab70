/// A JSON object as tokens mostly have them, read where it lies: few members, texts without escapes in
/// ASCII, whole numbers, `true`, `false` and `null`.
///
/// Of any other text it says nothing, right or wrong: ``JSONText`` reads that. What it takes it takes as
/// strictly, a name given twice among what it does not.
struct FlatObject {
    /// What stands under a name.
    enum Value: Equatable {
        /// Which of the bytes are the text.
        case text(Range<Int>)
        case integer(Int64)
        case bool(Bool)
        case null
    }

    /// Most members.
    static let countLimit = 16

    /// Where a name or a text lies; small, as objects are moved about.
    private struct Place {
        var start: UInt16 = 0
        var count: UInt16 = 0

        init() {}

        init(_ range: Range<Int>) {
            self.start = UInt16(range.lowerBound)
            self.count = UInt16(range.count)
        }

        var range: Range<Int> { Int(self.start)..<(Int(self.start) + Int(self.count)) }
    }

    /// What kind of value a member has; ``numbers`` holds what it is.
    private enum Kind: UInt8 {
        case text
        case integer
        case bool
        case null
    }

    private let bytes: UnsafeRawBufferPointer
    private var names = InlineArray<16, Place>(repeating: Place())
    private var kinds = InlineArray<16, Kind>(repeating: .null)
    private var numbers = InlineArray<16, Int64>(repeating: 0)
    /// How many members there are.
    private(set) var count = 0

    /// Reads a whole text; nil when it is anything else, or longer than places tell.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= UInt16.max else { return nil }
        self.bytes = bytes
        var reader = Reader(bytes)
        reader.skipSpace()
        guard reader.takes("{") else { return nil }
        reader.skipSpace()
        if !reader.takes("}") {
            repeat {
                reader.skipSpace()
                guard self.count < Self.countLimit, let name = reader.text(), self.isNew(name)
                else { return nil }
                reader.skipSpace()
                guard reader.takes(":") else { return nil }
                reader.skipSpace()
                guard let value = reader.value() else { return nil }
                self.names[self.count] = Place(name)
                self.keep(value)
                self.count += 1
                reader.skipSpace()
            } while reader.takes(",")
            guard reader.takes("}") else { return nil }
        }
        reader.skipSpace()
        guard reader.at == bytes.count else { return nil }
    }

    /// What stands under a name; nil when there is no such name.
    subscript(name: some Collection<UInt8>) -> Value? {
        for index in 0..<self.count where self.name(index).elementsEqual(name) {
            return self.value(index)
        }
        return nil
    }

    private mutating func keep(_ value: Value) {
        switch value {
        case .text(let range):
            self.kinds[self.count] = .text
            self.numbers[self.count] = Int64(range.lowerBound) << 16 | Int64(range.count)
        case .integer(let number):
            self.kinds[self.count] = .integer
            self.numbers[self.count] = number
        case .bool(let flag):
            self.kinds[self.count] = .bool
            self.numbers[self.count] = flag ? 1 : 0
        case .null: self.kinds[self.count] = .null
        }
    }

    private func value(_ index: Int) -> Value {
        let number = self.numbers[index]
        switch self.kinds[index] {
        case .text:
            let start = Int(number >> 16)
            return .text(start..<(start + Int(number & 0xFFFF)))
        case .integer: return .integer(number)
        case .bool: return .bool(number != 0)
        case .null: return .null
        }
    }

    /// The name of a member.
    func name(_ index: Int) -> Slice<UnsafeRawBufferPointer> {
        self.bytes[self.names[index].range]
    }

    private func isNew(_ name: Range<Int>) -> Bool {
        for index in 0..<self.count {
            let other = self.names[index].range
            guard other.count == name.count else { continue }
            if self.bytes[other].elementsEqual(self.bytes[name]) { return false }
        }
        return true
    }

    private struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private(set) var at = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func skipSpace() {
            while self.at < self.bytes.count {
                let byte = self.bytes[self.at]
                guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return }
                self.at += 1
            }
        }

        mutating func takes(_ character: UnicodeScalar) -> Bool {
            guard self.at < self.bytes.count, self.bytes[self.at] == UInt8(ascii: character) else {
                return false
            }
            self.at += 1
            return true
        }

        /// The place of a text without its quotes.
        mutating func text() -> Range<Int>? {
            guard self.takes("\"") else { return nil }
            let start = self.at
            while self.at < self.bytes.count {
                let byte = self.bytes[self.at]
                if byte == UInt8(ascii: "\"") {
                    self.at += 1
                    return start..<(self.at - 1)
                }
                guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
                self.at += 1
            }
            return nil
        }

        mutating func value() -> Value? {
            guard self.at < self.bytes.count else { return nil }
            switch self.bytes[self.at] {
            case UInt8(ascii: "\""): return self.text().map { .text($0) }
            case UInt8(ascii: "t"): return self.takes(word: "true") ? .bool(true) : nil
            case UInt8(ascii: "f"): return self.takes(word: "false") ? .bool(false) : nil
            case UInt8(ascii: "n"): return self.takes(word: "null") ? .null : nil
            default: return self.integer().map { .integer($0) }
            }
        }

        private mutating func takes(word: StaticString) -> Bool {
            let end = self.at + word.utf8CodeUnitCount
            guard end <= self.bytes.count else { return false }
            for index in 0..<word.utf8CodeUnitCount
            where self.bytes[self.at + index] != word.utf8Start[index] {
                return false
            }
            self.at = end
            return true
        }

        /// A whole number of up to 18 digits, which fit whatever they are.
        private mutating func integer() -> Int64? {
            let isNegative = self.takes("-")
            let start = self.at
            var number: Int64 = 0
            while self.at < self.bytes.count {
                let digit = self.bytes[self.at] &- 0x30
                guard digit < 10 else { break }
                guard self.at - start < 18 else { return nil }
                number = number * 10 + Int64(digit)
                self.at += 1
            }
            let count = self.at - start
            guard count > 0, count == 1 || self.bytes[start] != 0x30 else { return nil }
            if self.at < self.bytes.count {
                // A fraction or an exponent follows.
                let next = self.bytes[self.at]
                guard next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else {
                    return nil
                }
            }
            return isNegative ? -number : number
        }
    }
}
