import MeshHTTP

/// Applies rules to the fields of a head: those that it came with and those that earlier steps
/// changed.
///
/// Source: Kong 3.9, `request-transformer/access.lua` and
/// `response-transformer/header_transformer.lua`.
struct HeaderRules: Sendable {
    private let rules: TransformRules<[UInt8]>

    init(_ rules: TransformRules<[UInt8]>) { self.rules = rules }

    /// Whether a text may become the value of a field; one that may not is not written.
    private static func isValue(_ value: [UInt8]) -> Bool {
        value.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }

    /// Edits a head.
    func apply(to edits: inout PluginEdits) {
        for name in self.rules.remove { edits.drop(Self.lowercased(name)) }
        for (old, new) in self.rules.rename {
            let values = edits.currentValues(of: Self.lowercased(old))
            guard !values.isEmpty else { continue }
            edits.drop(Self.lowercased(old))
            edits.drop(Self.lowercased(new))
            for value in values { edits.add(new, value) }
        }
        for (name, value) in self.rules.replace where name.lowercased() == "host" {
            guard Self.isValue(value), edits.host.count == 0 else { continue }
            value.withUnsafeBytes { edits.host.write($0) }
        }
        for (name, value) in self.rules.replace
        where name.lowercased() != "host" && edits.has(Self.lowercased(name)) {
            edits.drop(Self.lowercased(name))
            if Self.isValue(value) { edits.add(name, value) }
        }
        for (name, value) in self.rules.add where !edits.has(Self.lowercased(name)) {
            if Self.isValue(value) { edits.add(name, value) }
        }
        for (name, value) in self.rules.append where Self.isValue(value) {
            edits.add(name, value)
        }
    }

    static func lowercased(_ name: String) -> [UInt8] { Array(name.lowercased().utf8) }
}

/// A head as it stands after the edits so far.
extension PluginEdits {
    /// The values of a field, whose name is in lower case.
    func currentValues(of name: [UInt8]) -> [[UInt8]] {
        var values: [[UInt8]] = []
        name.withUnsafeBytes { name in
            if let received = self.received, !self.isDropped(name) {
                _ = received.fields.anyValue(
                    named: name,
                    count: received.count,
                    of: received.bytes
                ) { value in
                    values.append(Array(value))
                    return false
                }
            }
            self.forEachLine { line, value in
                let isNamed = line.elementsEqual(name) { byte, other in
                    (0x41...0x5A).contains(byte) ? byte | 0x20 == other : byte == other
                }
                if isNamed { values.append(Array(value)) }
            }
        }
        return values
    }

    /// Whether a field is there, whose name is in lower case.
    func has(_ name: [UInt8]) -> Bool { !self.currentValues(of: name).isEmpty }

    private func isDropped(_ name: UnsafeRawBufferPointer) -> Bool {
        var isDropped = false
        Self.forEachName(in: self.dropped) { other in
            if other.elementsEqual(name) { isDropped = true }
        }
        return isDropped
    }

    private func forEachLine(
        _ body: (Slice<UnsafeRawBufferPointer>, Slice<UnsafeRawBufferPointer>) -> Void
    ) {
        let bytes = self.added
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0D) ?? bytes.count
            if let colon = bytes[start..<end].firstIndex(of: UInt8(ascii: ":")) {
                let value = bytes[(colon + 1)..<end].drop { $0 == 0x20 }
                body(bytes[start..<colon], value)
            }
            start = end + 2
        }
    }

    mutating func drop(_ name: [UInt8]) { name.withUnsafeBytes { self.drop($0) } }

    mutating func add(_ name: String, _ value: [UInt8]) {
        Array(name.utf8).withUnsafeBytes { self.lines.write($0) }
        self.lines.write(": ")
        value.withUnsafeBytes { self.lines.write($0) }
        self.lines.write("\r\n")
    }
}
