/// A word of newer software that this version cannot read.
///
/// It is kept and passed on as it came, so that a newer node hears it from an older one.
public struct UnknownObservation: Hashable, Sendable {
    /// Most bytes of one that is kept: 256; longer ones are skipped.
    public static let byteLimit = 256
    /// From this kind on an owner says several things of one kind, told apart by their first 8 bytes.
    public static let firstPlacedKind: UInt8 = 128

    /// Its first byte on the wire.
    public let kind: UInt8
    /// What follows its number.
    public let content: [UInt8]

    /// Keeps a word; `nil` when it is longer than ``byteLimit``.
    public init?(kind: UInt8, content: [UInt8]) {
        guard content.count <= Self.byteLimit else { return nil }
        self.kind = kind
        self.content = content
    }

    /// Which of the owner's words of this kind it is.
    var place: UInt64 {
        guard self.kind >= Self.firstPlacedKind else { return 0 }
        return self.content.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
