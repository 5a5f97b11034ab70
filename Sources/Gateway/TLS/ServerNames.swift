/// Which identity a server name selects: exact before `*.x` before `x.*` before `*`.
///
/// A wildcard stands for one label. Source: Kong's certificate selection by SNI.
struct ServerNames: Sendable {
    /// Bytes of the longest name that is looked up (RFC 1035 section 2.3.4).
    static let nameByteLimit = 255

    private var indexes: [String: Int] = [:]
    private var hasWildcards = false

    /// Adds a name; false when another identity has it already.
    mutating func insert(_ name: String, index: Int) -> Bool {
        let name = name.lowercased()
        if let known = self.indexes[name] { return known == index }
        self.indexes[name] = index
        self.hasWildcards = self.hasWildcards || name.utf8.contains(UInt8(ascii: "*"))
        return true
    }

    /// The index for a lower-case name; nil when nothing matches.
    func index(of name: String) -> Int? {
        if let exact = self.indexes[name] { return exact }
        guard self.hasWildcards else { return nil }
        if let dot = name.firstIndex(of: "."), let found = self.indexes["*" + name[dot...]] {
            return found
        }
        if let dot = name.lastIndex(of: "."), let found = self.indexes[name[...dot] + "*"] {
            return found
        }
        return self.indexes["*"]
    }

    /// Whether `name` is exact, `*.x`, `x.*` or `*`.
    static func isValid(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= Self.nameByteLimit else { return false }
        if name == "*" { return true }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let stars = labels.indices.filter { labels[$0].contains("*") }
        guard stars.count <= 1, labels.allSatisfy({ !$0.isEmpty }) else { return false }
        guard let star = stars.first else { return true }
        return labels[star] == "*" && labels.count > 1
            && (star == labels.startIndex || star == labels.endIndex - 1)
    }
}
