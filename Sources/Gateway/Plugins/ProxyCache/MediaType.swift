/// A media type as `proxy-cache` compares it (RFC 9110 section 8.3.1): in lower case, its parameters in
/// any order.
///
/// Source: Kong 3.9, `kong/plugins/proxy-cache/handler.lua` and `kong/tools/mime_type.lua`.
struct MediaType {
    private let type: [UInt8]
    private let subtype: [UInt8]
    private let parameters: Set<[UInt8]>

    /// Reads `type/subtype; name=value`; nil for what is none.
    init?(_ text: [UInt8]) {
        let parts = text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            .split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .map(Self.trimmed)
        let names = parts[0].split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: false
        )
        guard names.count == 2, names.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.type = Array(names[0])
        self.subtype = Array(names[1])
        self.parameters = Set(
            parts.dropFirst().filter { !$0.isEmpty }.map { part in
                part.filter { $0 != UInt8(ascii: "\"") }
            }
        )
    }

    /// Whether another one is this one, where `*` stands for any type or subtype.
    func takes(_ other: MediaType) -> Bool {
        Self.takes(self.type, other.type) && Self.takes(self.subtype, other.subtype)
            && self.parameters == other.parameters
    }

    private static func takes(_ expected: [UInt8], _ given: [UInt8]) -> Bool {
        expected == [UInt8(ascii: "*")] || expected == given
    }

    /// Text without the spaces and tabs around it (RFC 9110 section 5.6.3).
    static func trimmed(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        return Array(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
