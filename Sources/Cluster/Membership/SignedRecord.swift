public import MeshPrimitives

/// A member's record together with the bytes that it signed, which are what is kept and relayed.
///
/// Fields that newer software adds behind the known ones stay in the bytes, so that a relay of an
/// older version passes them on unharmed. A copy shares the bytes.
public struct SignedRecord: Sendable {
    /// Bytes of a signature: 64.
    public static let signatureByteCount = 64
    /// Most bytes of a record that is taken in, the added fields of newer software included: 512.
    public static let byteLimit = 512
    /// The first byte of every record that this version understands.
    private static let format: UInt8 = 1
    /// First bytes of records that this version can read.
    public static let formats = Self.format...Self.format
    /// What goes before the bytes when they are signed, so that no other text can pass for a record.
    private static let purpose = Array("meshgate member 1".utf8)

    private final class Content: Sendable {
        let record: MemberRecord
        let bytes: [UInt8]
        let signature: [UInt8]

        init(record: MemberRecord, bytes: [UInt8], signature: [UInt8]) {
            self.record = record
            self.bytes = bytes
            self.signature = signature
        }
    }

    private let content: Content

    /// Encodes and signs a record; done once, by the member itself.
    public init(_ record: MemberRecord, signing sign: ([UInt8]) -> [UInt8]) {
        var writer = ByteWriter(capacity: 160)
        writer.append(Self.format)
        writer.append(contentsOf: record.key)
        writer.write(record.start.boot)
        writer.write(record.start.token)
        writer.write(record.mesh.value)
        writer.write(record.incarnation)
        writer.append(
            (record.hasLeft ? 1 : 0) | (record.isWithdrawn ? 2 : 0) | record.mode.rawValue << 2
        )
        writer.write(record.profile.name)
        writer.write(record.profile.region)
        writer.write(record.profile.zone)
        writer.write(record.profile.address)
        writer.write(record.profile.version)
        writer.append(record.profile.protocolMinimum)
        writer.append(record.profile.protocolMaximum)
        writer.write(record.ring)
        writer.append(contentsOf: record.profile.additions)
        self.content = Content(
            record: record,
            bytes: writer.bytes,
            signature: sign(Self.purpose + writer.bytes)
        )
    }

    /// Reads a record from bytes that may be hostile; the signature is not checked here.
    ///
    /// - Parameters:
    ///   - bytes: what was signed.
    ///   - signature: what goes with it.
    ///   - identify: the identity that belongs to a key.
    /// - Throws: ``MeshPrimitives/ByteReaderError``.
    public init(
        decoding bytes: [UInt8],
        signature: [UInt8],
        identify: ([UInt8]) -> NodeID
    ) throws(ByteReaderError) {
        guard bytes.count <= Self.byteLimit else {
            throw .tooLarge(found: bytes.count, limit: Self.byteLimit)
        }
        guard signature.count == Self.signatureByteCount else {
            throw .invalidValue(field: "signature", found: UInt64(signature.count))
        }
        var reader = ByteReader(bytes)
        let format: UInt8 = try reader.read()
        guard format == Self.format else {
            throw .invalidValue(field: "format", found: UInt64(format))
        }
        let key = Array(try reader.read(count: MemberRecord.keyByteCount))
        let start = MemberStart(boot: try reader.read(), token: try reader.read())
        let mesh = MeshID(try reader.read())
        let incarnation: UInt64 = try reader.read()
        let standing: UInt8 = try reader.read()
        var profile = MemberProfile(
            id: identify(key),
            name: try reader.readString(),
            region: try reader.readString(),
            zone: try reader.readString(),
            address: try reader.readEndpoint(),
            version: try reader.readString(),
            protocolMinimum: try reader.read(),
            protocolMaximum: try reader.read()
        )
        let ring = try reader.readRingInventory()
        profile.additions = Array(try reader.read(count: reader.remaining))
        let record = MemberRecord(
            profile: profile,
            key: key,
            start: start,
            mesh: mesh,
            incarnation: incarnation,
            hasLeft: standing & 1 != 0,
            isWithdrawn: standing & 2 != 0,
            // A mode of newer software is none to send traffic to.
            mode: NodeMode(rawValue: standing >> 2 & 3) ?? .maintenance,
            ring: ring
        )
        self.content = Content(record: record, bytes: bytes, signature: signature)
    }

    /// What the bytes say.
    public var record: MemberRecord { self.content.record }

    /// As the member encoded it; never encoded again.
    public var bytes: [UInt8] { self.content.bytes }

    /// The member's signature.
    public var signature: [UInt8] { self.content.signature }

    /// Who speaks.
    public var id: NodeID { self.content.record.profile.id }

    /// Whether the member's key made the signature; costs about 100 µs.
    func isGenuine(_ verify: MemberIdentity.Verify) -> Bool {
        verify(self.signature, Self.purpose + self.bytes, self.record.key)
    }
}

extension SignedRecord: Equatable {
    /// Whether the same bytes were signed alike.
    public static func == (one: SignedRecord, other: SignedRecord) -> Bool {
        one.content === other.content
            || (one.bytes == other.bytes && one.signature == other.signature)
    }
}

extension ByteWriter {
    /// Writes version 4, sealing epoch 2, count 1, then epoch 2 and mark 4 of each key.
    fileprivate mutating func write(_ ring: RingInventory) {
        self.write(ring.version)
        self.write(ring.sealingEpoch)
        self.append(UInt8(clamping: ring.keys.count))
        for key in ring.keys {
            self.write(key.epoch)
            self.write(key.mark)
        }
    }

    /// Writes family 1 (4 or 6), address 4 or 16, port 2.
    public mutating func write(_ endpoint: Endpoint) {
        switch endpoint.address {
        case .v4(let address):
            self.append(4)
            self.write(address)
        case .v6(let high, let low):
            self.append(6)
            self.write(high)
            self.write(low)
        }
        self.write(endpoint.port)
    }
}

extension ByteReader {
    fileprivate mutating func readRingInventory() throws(ByteReaderError) -> RingInventory {
        let version: UInt32 = try self.read()
        let sealingEpoch: UInt16 = try self.read()
        let count: UInt8 = try self.read()
        guard count <= RingInventory.keyLimit else {
            throw .tooLarge(found: Int(count), limit: RingInventory.keyLimit)
        }
        var keys: [RingInventory.Key] = []
        for _ in 0..<count {
            keys.append(RingInventory.Key(epoch: try self.read(), mark: try self.read()))
        }
        return RingInventory(version: version, sealingEpoch: sealingEpoch, keys: keys)
    }

    /// Reads an address of either family.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when cut short or of another family.
    public mutating func readEndpoint() throws(ByteReaderError) -> Endpoint {
        let family: UInt8 = try self.read()
        let address: IPAddress =
            switch family {
            case 4: .v4(try self.read())
            case 6: .v6(high: try self.read(), low: try self.read())
            default: throw .invalidValue(field: "address family", found: UInt64(family))
            }
        return Endpoint(address: address, port: try self.read())
    }
}
