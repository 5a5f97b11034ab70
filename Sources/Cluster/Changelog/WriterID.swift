public import MeshPrimitives

/// Which store wrote a changeset: 4 random bytes, made with the store, and 12 of its node's identity.
///
/// So nobody but that node can have written under it.
///
/// A store that was restored from an older copy, or copied, takes a new one as soon as it notices,
/// so that no number is ever given to two different changesets for long. Sorts by its bytes, which
/// breaks ties between changesets of one generation.
public struct WriterID: Hashable, Comparable, Sendable {
    /// The first eight bytes, big endian.
    public let high: UInt64
    /// The last eight bytes, big endian.
    public let low: UInt64

    /// Creates an identity from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Draws a new identity for a store of a node.
    public init(of node: NodeID, using generator: inout SeededGenerator) {
        self.init(
            high: generator.next() << 32 | node.high & Self.nodeMask,
            low: node.low
        )
    }

    private static let nodeMask = UInt64(UInt32.max)

    /// Whether it is one of the stores of a node.
    public func belongs(to node: NodeID) -> Bool {
        self.low == node.low && self.high & Self.nodeMask == node.high & Self.nodeMask
    }

    /// Orders by bytes.
    public static func < (left: WriterID, right: WriterID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension WriterID: CustomStringConvertible {
    /// The first eight hexadecimal digits: enough for an operator to tell stores apart.
    public var description: String {
        let text = String(self.high >> 32, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }
}

/// The name of one changeset: the store that wrote it and its number there, from 1 without gaps.
public struct ChangesetID: Hashable, Comparable, Sendable {
    /// The store that wrote it.
    public let writer: WriterID
    /// Its number among the changesets of that store; the first is 1.
    public let sequence: UInt64

    /// Creates a name.
    public init(writer: WriterID, sequence: UInt64) {
        self.writer = writer
        self.sequence = sequence
    }

    /// Orders by writer, then by number.
    public static func < (left: ChangesetID, right: ChangesetID) -> Bool {
        (left.writer, left.sequence) < (right.writer, right.sequence)
    }
}

extension ChangesetID: CustomStringConvertible {
    /// As operators see and type it: `1f00ab34:7`.
    public var description: String { "\(self.writer):\(self.sequence)" }
}

/// A place in the order in which every node applies changesets: by generation, then by writer.
public struct ChangesetPosition: Hashable, Comparable, Sendable {
    /// The generation; 0 lies before every changeset.
    public let generation: UInt64
    /// The writer, which decides between changesets of one generation.
    public let writer: WriterID

    /// The place before every changeset.
    public static let start = ChangesetPosition(
        generation: 0,
        writer: WriterID(high: 0, low: 0)
    )

    /// Creates a place.
    public init(generation: UInt64, writer: WriterID) {
        self.generation = generation
        self.writer = writer
    }

    /// Orders by generation, then by writer.
    public static func < (left: ChangesetPosition, right: ChangesetPosition) -> Bool {
        (left.generation, left.writer) < (right.generation, right.writer)
    }
}
