public import MeshPrimitives

/// A changeset together with the bytes its writer made of it, which are what is kept and relayed.
public struct EncodedChangeset: Equatable, Sendable {
    /// What the bytes say.
    public let changeset: Changeset
    /// The hash of ``bytes``.
    public let hash: ContentHash
    /// How many ``bytes`` are.
    public let byteCount: Int
    /// What replay needs to know of its changes, when somebody has worked it out.
    private(set) var prepared: PreparedChanges?
    /// The seal, and what newer software added behind it.
    private let tail: [UInt8]
    /// All bytes, as long as they are likely to be asked for.
    private var whole: [UInt8]?

    /// The first byte of every changeset that this version understands.
    private static let format: UInt8 = 1
    /// Bytes up to which a changeset in a log keeps them beside what they say.
    private static let keptByteLimit = 4_096
    /// Most bytes of a seal.
    private static let sealByteLimit = 1_024
    /// Most bytes of a key: a kind, a stroke and an identity are far below it.
    public static let keyByteLimit = 512

    /// What goes before the hash that is signed, so that no other text can pass for a changeset.
    private static let purpose = Array("meshgate changeset 1".utf8)

    /// Encodes a changeset; done once, by its writer.
    ///
    /// - Parameters:
    ///   - changeset: what it says.
    ///   - keys: what the writer seals it with; without, nobody who checks seals takes it in.
    ///   - hash: the content hash.
    public init(
        _ changeset: Changeset,
        keys: WriterKeys? = nil,
        hash: ([UInt8]) -> ContentHash
    ) {
        // Room for all of it, or a large one would be copied again and again while it grows.
        let room = changeset.changes.reduce(512) { room, change in
            room + change.key.utf8.count + (change.body?.count ?? 0) + 32
        }
        var writer = ByteWriter(capacity: room)
        writer.append(Self.format)
        writer.write(changeset)
        let sealStart = writer.bytes.count
        writer.write(sized: keys?.seal(Self.sealed(hash(writer.bytes))) ?? [])
        self.changeset = changeset
        self.tail = Array(writer.bytes[sealStart...])
        self.byteCount = writer.bytes.count
        self.whole = writer.bytes
        self.hash = hash(writer.bytes)
    }

    /// Reads a changeset from bytes that may be hostile.
    ///
    /// - Throws: ``ChangelogError/malformed(reason:)``.
    public init(decoding bytes: [UInt8], hash: ([UInt8]) -> ContentHash) throws(ChangelogError) {
        do throws(ByteReaderError) {
            var reader = ByteReader(bytes)
            let format: UInt8 = try reader.read()
            guard format == Self.format else {
                throw .invalidValue(field: "format", found: UInt64(format))
            }
            self.changeset = try reader.readChangeset()
            self.tail = Array(bytes.suffix(reader.remaining))
            _ = try reader.readSized(limit: Self.sealByteLimit)
        } catch {
            throw .malformed(reason: "\(error)")
        }
        guard Self.isOrderly(self.changeset) else {
            throw .malformed(reason: "numbers start at 1 and keys ascend")
        }
        self.whole = bytes
        self.byteCount = bytes.count
        self.hash = hash(bytes)
    }

    /// As its writer encoded it, to the byte.
    ///
    /// What is said can be encoded in one way only, so a large one in a log is held once, as what it
    /// says; asking for its bytes costs O(bytes) then.
    public var bytes: [UInt8] {
        if let whole = self.whole { return whole }
        var writer = ByteWriter(capacity: self.byteCount)
        writer.append(Self.format)
        writer.write(self.changeset)
        writer.append(contentsOf: self.tail)
        return writer.bytes
    }

    /// As a log keeps it, which rarely needs more of it than what it says.
    var settled: EncodedChangeset {
        var copy = self
        copy.prepared = nil
        if copy.byteCount > Self.keptByteLimit { copy.whole = nil }
        return copy
    }

    /// The same with what replay needs to know of its changes; `nil`: with nothing.
    func prepared(with prepared: PreparedChanges?) -> EncodedChangeset {
        var copy = self
        copy.prepared = prepared
        return copy
    }

    /// Whether the node whose store is named as the writer has sealed these very bytes, what newer
    /// software added behind the seal included.
    public func isGenuine(_ keys: WriterKeys, hash: ([UInt8]) -> ContentHash) -> Bool {
        guard self.id.writer.belongs(to: self.changeset.node) else { return false }
        var reader = ByteReader(self.tail)
        guard let seal = try? reader.readSized(limit: Self.sealByteLimit) else { return false }
        let rest = self.bytes.dropLast(self.tail.count) + self.tail.suffix(reader.remaining)
        return keys.isGenuine(self.changeset.node, seal, Self.sealed(hash(Array(rest))))
    }

    private static func sealed(_ hash: ContentHash) -> [UInt8] {
        var writer = ByteWriter(capacity: 40)
        writer.append(contentsOf: Self.purpose)
        writer.write(hash)
        return writer.bytes
    }

    /// Whether two are the same bytes.
    public static func == (left: EncodedChangeset, right: EncodedChangeset) -> Bool {
        left.hash == right.hash && left.tail == right.tail && left.changeset == right.changeset
    }

    /// Its name.
    public var id: ChangesetID { self.changeset.id }

    /// What entities that it wrote are marked with: the hash of the changeset first written.
    public var stamp: ContentHash { self.changeset.origin ?? self.hash }

    private static func isOrderly(_ changeset: Changeset) -> Bool {
        guard changeset.id.sequence > 0, changeset.generation > 0 else { return false }
        guard changeset.changes.allSatisfy({ Self.isKey($0.key) }) else { return false }
        return zip(changeset.changes, changeset.changes.dropFirst()).allSatisfy { $0.key < $1.key }
    }

    /// Whether a store takes `key`: 1 to 512 visible ASCII characters.
    static func isKey(_ key: String) -> Bool {
        (1...Self.keyByteLimit).contains(key.utf8.count)
            && key.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ changeset: Changeset) {
        self.write(changeset.id)
        self.write(changeset.previous)
        self.write(changeset.generation)
        self.write(changeset.node)
        self.write(changeset.wallMilliseconds)
        self.write(changeset.author)
        self.write(changeset.message)
        self.writeOptional(changeset.origin) { $0.write($1) }
        self.write(UInt32(clamping: changeset.changes.count))
        for change in changeset.changes {
            self.write(change.key)
            self.writeOptional(change.replaces) { $0.write($1) }
            self.writeOptional(change.body) { $0.write(sized: $1) }
        }
    }

    /// Appends a changeset's name, 24 bytes.
    public mutating func write(_ id: ChangesetID) {
        self.write(id.writer)
        self.write(id.sequence)
    }

    /// Appends a writer, 16 bytes.
    public mutating func write(_ writer: WriterID) {
        self.write(writer.high)
        self.write(writer.low)
    }

    mutating func writeOptional<Value>(
        _ value: Value?,
        _ write: (inout ByteWriter, Value) -> Void
    ) {
        self.append(value == nil ? 0 : 1)
        if let value { write(&self, value) }
    }
}

extension ByteReader {
    fileprivate mutating func readChangeset() throws(ByteReaderError) -> Changeset {
        Changeset(
            id: try self.readChangesetID(),
            previous: try self.readHash(),
            generation: try self.read(),
            node: try self.readNodeID(),
            wallMilliseconds: try self.read(),
            author: try self.readString(),
            message: try self.readString(),
            origin: try self.readFlag() ? try self.readHash() : nil,
            changes: try self.readChanges()
        )
    }

    private mutating func readChanges() throws(ByteReaderError) -> [Changeset.Change] {
        let count: UInt32 = try self.read()
        var changes: [Changeset.Change] = []
        // Whoever sends it may lie about how many there are.
        changes.reserveCapacity(min(Int(count), self.remaining / 64))
        for _ in 0..<count {
            let key = try self.readString()
            let replaces = try self.readFlag() ? try self.readHash() : nil
            let body = try self.readFlag() ? try self.readSized(limit: self.remaining) : nil
            changes.append(Changeset.Change(key: key, replaces: replaces, body: body))
        }
        return changes
    }

    /// Reads a changeset's name.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when it is cut short.
    public mutating func readChangesetID() throws(ByteReaderError) -> ChangesetID {
        ChangesetID(writer: try self.readWriterID(), sequence: try self.read())
    }

    /// Reads a writer.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when it is cut short.
    public mutating func readWriterID() throws(ByteReaderError) -> WriterID {
        WriterID(high: try self.read(), low: try self.read())
    }

    mutating func readFlag() throws(ByteReaderError) -> Bool {
        let flag: UInt8 = try self.read()
        guard flag <= 1 else { throw .invalidValue(field: "flag", found: UInt64(flag)) }
        return flag == 1
    }
}
