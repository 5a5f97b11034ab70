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
            self.writeList(0..<nodes.count, "[", "]", depth) { writer, index in
                writer.write(nodes[index].value, depth: depth + 1)
            }
        case .object(let fields):
            if self.isSorted {
                Self.withSortedPlaces(of: fields) { self.write(fields, $0, depth) }
            } else {
                self.write(fields, 0..<fields.count, depth)
            }
        }
    }

    private mutating func write(
        _ fields: [DocumentField],
        _ places: some Collection<Int>,
        _ depth: Int
    ) {
        self.writeList(places, "{", "}", depth) { writer, index in
            writer.write(fields[index].name)
            writer.append(writer.isPretty ? ": " : ":")
            writer.write(fields[index].node.value, depth: depth + 1)
        }
    }

    private mutating func writeList(
        _ places: some Collection<Int>,
        _ open: StaticString,
        _ close: StaticString,
        _ depth: Int,
        _ body: (inout JSONWriter, Int) -> Void
    ) {
        self.append(open)
        var isFirst = true
        for place in places {
            if !isFirst { self.bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            self.breakLine(depth + 1)
            body(&self, place)
        }
        if !isFirst { self.breakLine(depth) }
        self.append(close)
    }

    /// Fields up to which inserting each in turn costs less than sorting a copy.
    private static let insertedFields = 32

    /// Gives the places of fields by rising name; few fields are not copied for it.
    private static func withSortedPlaces(
        of fields: [DocumentField],
        _ body: (UnsafeBufferPointer<Int>) -> Void
    ) {
        guard fields.count <= Self.insertedFields else {
            return fields.indices.sorted { Self.precedes(fields[$0], fields[$1]) }
                .withUnsafeBufferPointer(body)
        }
        withUnsafeTemporaryAllocation(of: Int.self, capacity: fields.count) { places in
            for place in fields.indices {
                var at = place
                while at > 0, Self.precedes(fields[place], fields[places[at - 1]]) {
                    places[at] = places[at - 1]
                    at -= 1
                }
                places.initializeElement(at: at, to: place)
            }
            body(UnsafeBufferPointer(places))
        }
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
