import MeshChangelog
import MeshPrimitives

extension ChangelogMessage {
    /// The type of the record that carries this message.
    var recordType: RecordType {
        switch self {
        case .push: .changesetPush
        case .announce: .changesetAnnounce
        case .held: .changesetsHeld
        case .inquiry: .changesetInquiry
        case .summary: .changesetSummary
        case .want: .changesetWant
        case .parts: .changesetParts
        case .wantCheckpoint: .checkpointWant
        case .checkpointPart: .checkpointPart
        }
    }
}

extension ByteWriter {
    /// Writes a changelog record's content.
    mutating func write(_ message: ChangelogMessage) {
        switch message {
        case .push(let parts, let wantsAnswer):
            self.append(wantsAnswer ? 1 : 0)
            self.write(parts)
        case .announce(let root, let generation, let wantsAnswer):
            self.write(root)
            self.write(generation)
            self.append(wantsAnswer ? 1 : 0)
        case .held(let changesets):
            self.write(UInt32(clamping: changesets.count))
            for (id, hash) in changesets.sorted(by: { $0.key < $1.key }) {
                self.write(id)
                self.write(hash)
            }
        case .inquiry(let summary), .summary(let summary): self.write(summary)
        case .want(let vector, let progress):
            self.write(vector)
            self.append(progress == nil ? 0 : 1)
            if let progress {
                self.write(progress.hash)
                self.write(progress.offset)
            }
        case .parts(let parts, let isLast):
            self.append(isLast ? 1 : 0)
            self.write(parts)
        case .wantCheckpoint(let hash, let offset):
            self.write(hash)
            self.write(offset)
        case .checkpointPart(let hash, let total, let offset, let bytes):
            self.write(hash)
            self.write(total)
            self.write(offset)
            self.write(sized: bytes)
        }
    }

    private mutating func write(_ parts: [ChangesetPart]) {
        for part in parts {
            self.writeItem { writer in
                writer.write(part.id)
                writer.write(part.hash)
                writer.write(part.total)
                writer.write(part.offset)
                writer.write(sized: part.bytes)
            }
        }
    }

    private mutating func write(_ summary: ChangelogSummary) {
        self.write(summary.vector)
        self.write(summary.floor)
        self.write(summary.horizon.generation)
        self.write(summary.horizon.writer)
        self.write(summary.checkpoint)
    }
}

extension WireReader {
    /// Most names in one answer that are looked at.
    private static let heldLimit = 256

    /// Reads a changelog record's content; lengths and counts are bounded by what is there.
    mutating func readChangelog(_ type: RecordType) throws(WireError) -> ChangelogMessage {
        switch type {
        case .changesetPush:
            let wantsAnswer = try self.readFlag()
            return .push(try self.readParts(), wantsAnswer: wantsAnswer)
        case .changesetAnnounce:
            return .announce(
                root: try self.readHash(),
                generation: try self.read(),
                wantsAnswer: try self.readFlag()
            )
        case .changesetsHeld: return .held(try self.readHeld())
        case .changesetInquiry: return .inquiry(try self.readChangelogSummary())
        case .changesetSummary: return .summary(try self.readChangelogSummary())
        case .changesetWant:
            return .want(
                try self.readVersionVector(),
                progress: try self.readFlag()
                    ? PartProgress(hash: try self.readHash(), offset: try self.read()) : nil
            )
        case .changesetParts:
            let isLast = try self.readFlag()
            return .parts(try self.readParts(), isLast: isLast)
        case .checkpointWant:
            return .wantCheckpoint(try self.readHash(), offset: try self.read())
        case .checkpointPart:
            return .checkpointPart(
                try self.readHash(),
                total: try self.read(),
                offset: try self.read(),
                bytes: try self.readSized()
            )
        case .membership, .observations, .keyRing, .counterReport, .counterTotals, .question,
            .answer:
            throw .malformed
        }
    }

    private mutating func readParts() throws(WireError) -> [ChangesetPart] {
        try self.readItems { reader throws(WireError) in
            ChangesetPart(
                id: try reader.readChangesetID(),
                hash: try reader.readHash(),
                total: try reader.read(),
                offset: try reader.read(),
                bytes: try reader.readSized()
            )
        }
    }

    private mutating func readHeld() throws(WireError) -> [ChangesetID: ContentHash] {
        let count: UInt32 = try self.read()
        var held: [ChangesetID: ContentHash] = [:]
        for _ in 0..<min(count, UInt32(Self.heldLimit)) {
            let id = try self.readChangesetID()
            held[id] = try self.readHash()
        }
        return held
    }

    private mutating func readChangelogSummary() throws(WireError) -> ChangelogSummary {
        ChangelogSummary(
            vector: try self.readVersionVector(),
            floor: try self.readVersionVector(),
            horizon: ChangesetPosition(
                generation: try self.read(),
                writer: WriterID(high: try self.read(), low: try self.read())
            ),
            checkpoint: try self.readHash()
        )
    }

    private mutating func readFlag() throws(WireError) -> Bool {
        try self.read(UInt8.self) & 1 != 0
    }
}
