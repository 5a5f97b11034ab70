/// The arguments of a query, in order, as they were sent.
struct QueryArguments {
    /// Most arguments that are read; Kong's default.
    private static let limit = 100

    private let query: UnsafeRawBufferPointer
    private var index = 0
    private var count = 0

    init(_ query: UnsafeRawBufferPointer) { self.query = query }

    /// The next argument that is not empty.
    mutating func next() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        while self.index < self.query.count, self.count < Self.limit {
            let rest = self.query[self.index...]
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? self.query.count
            self.index = end + 1
            let argument = rest[..<end]
            guard !argument.isEmpty else { continue }
            self.count += 1
            let mark = argument.firstIndex(of: UInt8(ascii: "=")) ?? end
            return (
                UnsafeRawBufferPointer(rebasing: argument[..<mark]),
                UnsafeRawBufferPointer(rebasing: argument[min(mark + 1, end)...])
            )
        }
        return nil
    }

    /// Whether a name as sent means `wanted`.
    static func isName(_ sent: UnsafeRawBufferPointer, _ wanted: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        var index = 0
        while index < sent.count {
            let byte = Self.decoded(sent, &index)
            guard place < wanted.count, wanted[place] == byte else { return false }
            place += 1
        }
        return place == wanted.count
    }

    /// Writes a value without its escapes; `nil` for one that is too long.
    static func decode(
        _ sent: UnsafeRawBufferPointer,
        into memory: UnsafeMutableRawPointer
    ) -> UnsafeRawBufferPointer? {
        guard sent.count <= ExpressionMemory.byteCount else { return nil }
        var count = 0
        var index = 0
        while index < sent.count {
            memory.storeBytes(of: Self.decoded(sent, &index), toByteOffset: count, as: UInt8.self)
            count += 1
        }
        return UnsafeRawBufferPointer(start: memory, count: count)
    }

    private static func decoded(_ sent: UnsafeRawBufferPointer, _ index: inout Int) -> UInt8 {
        let byte = sent[index]
        index += 1
        if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
        guard byte == UInt8(ascii: "%"), index + 1 < sent.count,
            let high = Self.digit(sent[index]), let low = Self.digit(sent[index + 1])
        else { return byte }
        index += 2
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
