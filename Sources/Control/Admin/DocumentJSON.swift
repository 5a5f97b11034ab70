import MeshEntities

/// Writes documents as compact JSON with their fields in order.
struct DocumentJSON {
    private(set) var bytes: [UInt8] = []

    /// The JSON text of one value.
    static func bytes(of value: DocumentValue) -> [UInt8] {
        var writer = DocumentJSON()
        writer.write(value)
        return writer.bytes
    }

    private mutating func write(_ value: DocumentValue) {
        switch value {
        case .null: self.append("null")
        case .bool(let flag): self.append(flag ? "true" : "false")
        case .integer(let number): self.append(String(number))
        case .number(let number): self.append(number.isFinite ? String(number) : "null")
        case .string(let text): self.write(text)
        case .array(let nodes):
            self.append("[")
            for (index, node) in nodes.enumerated() {
                if index > 0 { self.append(",") }
                self.write(node.value)
            }
            self.append("]")
        case .object(let fields):
            self.append("{")
            for (index, field) in fields.enumerated() {
                if index > 0 { self.append(",") }
                self.write(field.name)
                self.append(":")
                self.write(field.node.value)
            }
            self.append("}")
        }
    }

    private mutating func write(_ text: String) {
        self.append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): self.append("\\\"")
            case UInt8(ascii: "\\"): self.append("\\\\")
            case UInt8(ascii: "\n"): self.append("\\n")
            case UInt8(ascii: "\r"): self.append("\\r")
            case UInt8(ascii: "\t"): self.append("\\t")
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16)
                self.append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: self.bytes.append(byte)
            }
        }
        self.append("\"")
    }

    private mutating func append(_ text: String) { self.bytes.append(contentsOf: text.utf8) }
}
