extension DocumentValue {
    /// The one compact JSON text of this value: names sorted by bytes, no spaces.
    ///
    /// Equal values have equal bytes, so this is the body of a replicated record and what
    /// configuration hashes are made of.
    public var canonicalJSON: [UInt8] {
        var writer = JSONWriter(isSorted: true, isPretty: false)
        writer.write(self, depth: 0)
        // Bodies are kept for long: without room to grow.
        return writer.bytes.withUnsafeBufferPointer { Array($0) }
    }

    /// Compact JSON with the names in their own order, for answers of the Admin API.
    public var json: String {
        var writer = JSONWriter(isSorted: false, isPretty: false)
        writer.write(self, depth: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// JSON over several lines with the names in their own order, for people.
    public var prettyJSON: String {
        var writer = JSONWriter(isSorted: false, isPretty: true)
        writer.write(self, depth: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Writes JSON.
///
/// Source: RFC 8259.
struct JSONWriter {
    let isSorted: Bool
    let isPretty: Bool
    private(set) var bytes: [UInt8] = []

    init(isSorted: Bool, isPretty: Bool) {
        self.isSorted = isSorted
        self.isPretty = isPretty
        // Most entities take some hundred bytes.
        self.bytes.reserveCapacity(1_000)
    }

    mutating func write(_ value: DocumentValue, depth: Int) {
        switch value {
        case .null: self.append("null")
        case .bool(let flag): self.append(flag ? "true" : "false")
        case .integer(let number): self.bytes += String(number).utf8
        case .number(let number): self.write(number)
        case .string(let text): self.write(text)
        case .array(let nodes):
            self.writeList(nodes, "[", "]", depth) { writer, node in
                writer.write(node.value, depth: depth + 1)
            }
        case .object(let fields):
            let ordered = self.isSorted ? fields.sorted { Self.precedes($0, $1) } : fields
            self.writeList(ordered, "{", "}", depth) { writer, field in
                writer.write(field.name)
                writer.append(writer.isPretty ? ": " : ":")
                writer.write(field.node.value, depth: depth + 1)
            }
        }
    }

    private mutating func writeList<Element>(
        _ elements: [Element],
        _ open: StaticString,
        _ close: StaticString,
        _ depth: Int,
        _ body: (inout JSONWriter, Element) -> Void
    ) {
        self.append(open)
        for (index, element) in elements.enumerated() {
            if index > 0 { self.bytes.append(UInt8(ascii: ",")) }
            self.breakLine(depth + 1)
            body(&self, element)
        }
        if !elements.isEmpty { self.breakLine(depth) }
        self.append(close)
    }

    private mutating func append(_ text: StaticString) {
        self.bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    private mutating func breakLine(_ depth: Int) {
        guard self.isPretty else { return }
        self.bytes.append(UInt8(ascii: "\n"))
        self.bytes += repeatElement(UInt8(ascii: " "), count: depth * 2)
    }

    private mutating func write(_ number: Double) {
        if let whole = Int64(exactly: number) {
            self.bytes += String(whole).utf8
        } else {
            self.bytes += (number.isFinite ? String(number) : "null").utf8
        }
    }

    private mutating func write(_ text: String) {
        self.bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            if bytes.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 == 0x7F }) {
                for byte in bytes { self.write(escaping: byte) }
            } else {
                self.bytes.append(contentsOf: bytes)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func write(escaping byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): self.bytes += "\\\"".utf8
        case UInt8(ascii: "\\"): self.bytes += "\\\\".utf8
        case 0x0A: self.bytes += "\\n".utf8
        case 0x0D: self.bytes += "\\r".utf8
        case 0x09: self.bytes += "\\t".utf8
        case 0x00...0x1F, 0x7F:
            let digits = String(byte, radix: 16)
            self.bytes += ("\\u00" + (digits.utf8.count == 1 ? "0" : "") + digits).utf8
        default: self.bytes.append(byte)
        }
    }

    private static func precedes(_ left: DocumentField, _ right: DocumentField) -> Bool {
        left.name.utf8.withContiguousStorageIfAvailable { left in
            right.name.utf8.withContiguousStorageIfAvailable { left.lexicographicallyPrecedes($0) }
        }.flatMap(\.self) ?? left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
}
