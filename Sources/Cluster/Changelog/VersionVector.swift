internal import HashTreeCollections
public import MeshPrimitives

/// Which changesets a node holds: of each writer all up to a number, and the hash of that one.
///
/// The hash chains all earlier ones, so equal vectors mean equal sets of changesets. What a
/// checkpoint holds stays in the vector; folding therefore never changes its root.
public struct VersionVector: Equatable, Sendable {
    /// The newest changeset of one writer.
    public struct Entry: Hashable, Sendable {
        /// Its number; all below are held too.
        public let sequence: UInt64
        /// Its hash.
        public let head: ContentHash

        /// Creates an entry.
        public init(sequence: UInt64, head: ContentHash) {
            self.sequence = sequence
            self.head = head
        }
    }

    /// Most writers that a peer's vector may name: two such vectors fit a stream's frame.
    public static let writerLimit = 12_000

    private var entries: TreeDictionary<WriterID, Entry>

    /// Creates the vector of nothing.
    public init() { self.entries = [:] }

    /// Whether it names no changeset.
    public var isEmpty: Bool { self.entries.isEmpty }

    /// How many writers it names.
    public var count: Int { self.entries.count }

    /// The writers in it, ascending.
    public var writers: [WriterID] { self.entries.keys.sorted() }

    /// The newest changeset of `writer`; setting `nil` takes the writer out.
    public subscript(writer: WriterID) -> Entry? {
        get { self.entries[writer] }
        set { self.entries[writer] = newValue }
    }

    /// The highest number held of `writer`; 0 for none.
    public func sequence(of writer: WriterID) -> UInt64 { self.entries[writer]?.sequence ?? 0 }

    /// Whether it includes the changeset named `id`.
    public func covers(_ id: ChangesetID) -> Bool {
        id.sequence <= self.sequence(of: id.writer)
    }

    /// Whether it includes all that `other` includes; costs O(writers).
    public func covers(_ other: VersionVector) -> Bool {
        other.entries.allSatisfy { $0.value.sequence <= self.sequence(of: $0.key) }
    }

    /// The hash of the vector, zero when it is empty; costs O(writers).
    public func root(hash: ([UInt8]) -> ContentHash) -> ContentHash {
        self.isEmpty ? .zero : hash(self.encoded)
    }

    /// A 32-bit count, then writer, number and hash of each entry by ascending writer.
    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 4 + 40 * self.entries.count)
        writer.write(self)
        return writer.bytes
    }
}

extension ByteWriter {
    /// Appends a vector, writers ascending.
    public mutating func write(_ vector: VersionVector) {
        self.write(UInt32(clamping: vector.count))
        for writer in vector.writers {
            guard let entry = vector[writer] else { continue }
            self.write(writer)
            self.write(entry.sequence)
            self.write(entry.head)
        }
    }
}

extension ByteReader {
    /// Reads a vector.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when it is cut short or names too many writers.
    public mutating func readVersionVector() throws(ByteReaderError) -> VersionVector {
        let count: UInt32 = try self.read()
        guard count <= UInt32(VersionVector.writerLimit) else {
            throw .tooLarge(found: Int(count), limit: VersionVector.writerLimit)
        }
        var vector = VersionVector()
        for _ in 0..<count {
            let writer = try self.readWriterID()
            vector[writer] = VersionVector.Entry(
                sequence: try self.read(),
                head: try self.readHash()
            )
        }
        return vector
    }
}
