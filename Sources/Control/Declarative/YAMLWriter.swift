internal import MeshEntities

/// Writes a document as block-style YAML that every YAML reader takes the same way.
struct YAMLWriter {
    private(set) var text = ""

    mutating func write(field name: String, _ value: DocumentValue, indent: Int) {
        self.text += Self.spaces(indent) + Self.scalar(name) + ":"
        self.write(after: value, indent: indent)
    }

    private mutating func write(after value: DocumentValue, indent: Int) {
        switch value {
        case .object(let fields) where !fields.isEmpty:
            self.text += "\n"
            for field in fields {
                self.write(field: field.name, field.node.value, indent: indent + 2)
            }
        case .array(let nodes) where !nodes.isEmpty:
            self.text += "\n"
            for node in nodes { self.write(item: node.value, indent: indent) }
        case .null, .bool, .integer, .number, .string, .array, .object:
            self.text += " \(Self.flow(value))\n"
        }
    }

    private mutating func write(item value: DocumentValue, indent: Int) {
        let dash = Self.spaces(indent) + "- "
        switch value {
        case .object(let fields) where !fields.isEmpty:
            for (index, field) in fields.enumerated() {
                let lead = index == 0 ? dash : Self.spaces(indent + 2)
                self.text += lead + Self.scalar(field.name) + ":"
                self.write(after: field.node.value, indent: indent + 2)
            }
        case .array(let nodes) where !nodes.isEmpty:
            // A list in a list is rare; JSON is YAML too.
            self.text += dash + Self.json(value) + "\n"
        case .null, .bool, .integer, .number, .string, .array, .object:
            self.text += dash + Self.flow(value) + "\n"
        }
    }

    private static func flow(_ value: DocumentValue) -> String {
        switch value {
        case .string(let text): Self.scalar(text)
        case .null, .bool, .integer, .number, .array, .object: Self.json(value)
        }
    }

    /// A text plain where that cannot be misread, else quoted as in JSON.
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: "_-./".utf8.contains(byte)
                }
            } && YAMLScalar.value(text) == .string(text) && !text.hasPrefix("-")
            && !text.hasPrefix(".") && !["y", "Y", "n", "N"].contains(text)
            && !Self.looksNumeric(text)
        return isPlain ? text : Self.json(.string(text))
    }

    /// JSON, with everything escaped that YAML would refuse, fold or pass over.
    private static func json(_ value: DocumentValue) -> String {
        var result = ""
        for scalar in value.json.unicodeScalars {
            switch scalar.value {
            case 0x80...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Other readers take more texts for numbers and dates than ours does.
    private static func looksNumeric(_ text: String) -> Bool {
        guard let first = text.utf8.first, EntityID(text) == nil else { return text.isEmpty }
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        let letters = text.utf8.contains { ("g"..."z").contains(Character(UnicodeScalar($0))) }
        return isDigit && !letters
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
}
