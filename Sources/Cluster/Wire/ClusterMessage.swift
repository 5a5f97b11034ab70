public import MeshChangelog
public import MeshCounters
public import MeshMembership
public import MeshObservations
public import MeshPrimitives

/// What the nodes of a cluster say to each other, inside the seal.
///
/// A body is a row of records, each with type 1, flags 1 (zero, ignored), length 4 and content.
/// Records of unknown type are skipped, and so is what follows the known fields of a record: that is
/// how a newer node adds to the format. Integers are big endian, texts have a 16-bit length.
///
/// The sender is not encoded: the envelope or the stream's handshake has proved it.
public enum ClusterMessage: Equatable, Sendable {
    /// For the membership core.
    case membership(MembershipMessage)
    /// For the changelog.
    case changelog(ChangelogMessage)
    /// For the observations.
    case observations(ObservationMessage)
    /// By stream only: the key ring of a mesh that changes its keys.
    case keyRing(KeyRing)
    /// For the counters of the fleet.
    case counters(CounterMessage)
    /// By stream only: a member asks what an Admin path shows here.
    case question(PeerQuestion)
    /// By stream only: what it shows there.
    case answer(PeerAnswer)

    /// Records read from one body at most: 64; further ones are not looked at.
    public static let recordLimit = 64

    /// The body that carries this message.
    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        switch self {
        case .membership(let message):
            writer.writeRecord(.membership) { $0.write(message) }
        case .changelog(let message):
            writer.writeRecord(message.recordType) { $0.write(message) }
        case .observations(let message):
            writer.writeRecord(.observations) { $0.write(message) }
        case .keyRing(let ring):
            writer.writeRecord(.keyRing) { $0.write(sized: ring.document) }
        case .counters(.report(let report)):
            writer.writeRecord(.counterReport) { $0.write(report) }
        case .counters(.totals(let totals)):
            writer.writeRecord(.counterTotals) { $0.write(totals) }
        case .question(let question): writer.writeRecord(.question) { $0.write(question) }
        case .answer(let answer): writer.writeRecord(.answer) { $0.write(answer) }
        }
        return writer.bytes
    }

    /// Reads a body whose seal held; its content may still be hostile.
    ///
    /// - Parameters:
    ///   - body: what the seal held.
    ///   - sender: who sealed it.
    ///   - unknown: told of every record whose type is newer than this software.
    /// - Returns: the messages known here, in order; none when all are of newer types.
    /// - Throws: ``WireError/malformed``.
    public static func decode(
        _ body: [UInt8],
        from sender: NodeID,
        unknown: (_ type: UInt8, _ content: ArraySlice<UInt8>) -> Void = { _, _ in }
    ) throws(WireError) -> [ClusterMessage] {
        var reader = WireReader(body[...])
        var messages: [ClusterMessage] = []
        for _ in 0..<Self.recordLimit where reader.remaining > 0 {
            let (code, content) = try reader.readRecord()
            guard let type = RecordType(rawValue: code) else {
                unknown(code, content)
                continue
            }
            if let message = try Self.message(type, content, from: sender) {
                messages.append(message)
            }
        }
        return messages
    }

    private static func message(
        _ type: RecordType,
        _ content: ArraySlice<UInt8>,
        from sender: NodeID
    ) throws(WireError) -> ClusterMessage? {
        var reader = WireReader(content)
        return switch type {
        case .membership:
            try reader.readMembership(from: sender).map { .membership($0) }
        case .changesetPush, .changesetAnnounce, .changesetsHeld, .changesetInquiry,
            .changesetSummary, .changesetWant, .changesetParts, .checkpointWant, .checkpointPart:
            .changelog(try reader.readChangelog(type))
        case .observations: .observations(try reader.readObservations())
        case .keyRing: .keyRing(try reader.readKeyRing())
        case .counterReport: .counters(.report(try reader.readCounterReport()))
        case .counterTotals: .counters(.totals(try reader.readCounterTotals()))
        case .question: .question(try reader.readPeerQuestion())
        case .answer: .answer(try reader.readPeerAnswer())
        }
    }
}

/// What a record of a body holds.
enum RecordType: UInt8 {
    case membership = 1
    case observations = 8
    case counterReport = 12
    case counterTotals = 13
    case changesetPush = 16
    case changesetAnnounce = 17
    case changesetsHeld = 18
    case changesetInquiry = 19
    case changesetSummary = 20
    case changesetWant = 21
    case changesetParts = 22
    case checkpointWant = 23
    case checkpointPart = 24
    case keyRing = 32
    case question = 40
    case answer = 41
}

/// What a record inside another record holds.
enum InnerRecordType: UInt8 {
    case item = 1
    case accusation = 2
}

extension ByteWriter {
    /// Writes a record with its header around what `content` writes.
    mutating func writeRecord(_ type: RecordType, content: (inout ByteWriter) -> Void) {
        self.writeRecord(type: type.rawValue, content: content)
    }

    /// Writes an inner record with its header around what `content` writes.
    mutating func writeItem(
        _ type: InnerRecordType = .item,
        content: (inout ByteWriter) -> Void
    ) {
        self.writeRecord(type: type.rawValue, content: content)
    }

    private mutating func writeRecord(type: UInt8, content: (inout ByteWriter) -> Void) {
        var inner = ByteWriter()
        content(&inner)
        self.append(type)
        self.append(0)
        self.write(sized: inner.bytes)
    }
}

extension WireReader {
    /// Reads a key ring.
    fileprivate mutating func readKeyRing() throws(WireError) -> KeyRing {
        guard let ring = KeyRing(document: try self.readSized()) else { throw .malformed }
        return ring
    }

    /// Reads a record's header and gives its content.
    mutating func readRecord() throws(WireError) -> (type: UInt8, content: ArraySlice<UInt8>) {
        let type: UInt8 = try self.read()
        _ = try self.read(UInt8.self)
        let count: UInt32 = try self.read()
        return (type, try self.read(count: Int(count)))
    }

    /// Reads inner records until the end; unknown ones, and those `item` gives up, are skipped.
    mutating func readItems<Item>(
        _ item: (inout WireReader) throws(WireError) -> Item?
    ) throws(WireError) -> [Item] {
        var items: [Item] = []
        while self.remaining > 0 {
            let (type, content) = try self.readRecord()
            guard type == InnerRecordType.item.rawValue else { continue }
            var reader = WireReader(content)
            if let value = try item(&reader) { items.append(value) }
        }
        return items
    }
}
