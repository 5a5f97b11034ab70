public import MeshPrimitives

/// The name of one replicated record; unique over the mesh.
public struct RecordKey: Hashable, Comparable, Sendable {
    /// Longest accepted ``name``, in bytes.
    public static let maximumNameByteCount = 255

    /// What the record is about.
    public let kind: RecordKind
    /// 1 to 255 printable ASCII characters without spaces, such as `services/<id>`.
    ///
    /// ASCII, because Swift and other languages disagree on when two Unicode names are equal.
    public let name: String

    /// Creates a key; ``isValid`` says whether a store takes it.
    public init(kind: RecordKind, name: String) {
        self.kind = kind
        self.name = name
    }

    /// Creates a key that only `owner` may write: `<owner>` or `<owner>/<suffix>`.
    public init(kind: RecordKind, owner: NodeID, suffix: String = "") {
        self.init(kind: kind, name: suffix.isEmpty ? "\(owner)" : "\(owner)/\(suffix)")
    }

    /// The node named at the start of ``name``; `nil` when there is none.
    public var owner: NodeID? {
        let text = self.name.prefix { $0 != "/" }
        guard text.utf8.count == 36, let node = NodeID(String(text)), "\(node)" == text else {
            return nil
        }
        return node
    }

    /// Whether the name obeys the rule of ``name``.
    public var isValid: Bool {
        let bytes = self.name.utf8
        return (1...Self.maximumNameByteCount).contains(bytes.count)
            && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// Which of the digest's 256 buckets holds the key; the same at every node and version.
    public var bucket: UInt8 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(self.kind.rawValue)
        for byte in self.name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return UInt8(truncatingIfNeeded: SeededGenerator.mix(hash))
    }

    /// Orders by kind, then by the bytes of the name.
    public static func < (left: RecordKey, right: RecordKey) -> Bool {
        if left.kind != right.kind { return left.kind < right.kind }
        return left.name < right.name
    }
}
