import MeshChangelog
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A changelog message")
struct ChangelogCodingTests {
    private static let id = ChangesetID(writer: WriterID(high: 1, low: 2), sequence: 3)
    private static let hash = ContentHash(high: 0xAA, low: 0xBB)
    private static let part = ChangesetPart(
        id: Self.id,
        hash: Self.hash,
        total: 9,
        offset: 4,
        bytes: [5, 6]
    )

    private static var vector: VersionVector {
        var vector = VersionVector()
        vector[Self.id.writer] = VersionVector.Entry(sequence: 3, head: Self.hash)
        vector[WriterID(high: 0, low: 1)] = VersionVector.Entry(sequence: 1, head: .zero)
        return vector
    }

    private static let summary = ChangelogSummary(
        vector: Self.vector,
        floor: VersionVector(),
        horizon: ChangesetPosition(generation: 7, writer: Self.id.writer),
        checkpoint: Self.hash
    )

    private static let messages: [ChangelogMessage] = [
        .push([Self.part, Self.part], wantsAnswer: true),
        .push([], wantsAnswer: false),
        .announce(root: Self.hash, generation: .max, wantsAnswer: true),
        .held([Self.id: Self.hash, ChangesetID(writer: Self.id.writer, sequence: 9): .zero]),
        .inquiry(Self.summary),
        .summary(Self.summary),
        .want(Self.vector, progress: nil),
        .want(VersionVector(), progress: PartProgress(hash: Self.hash, offset: .max)),
        .parts([Self.part], isLast: false),
        .parts([], isLast: true),
        .wantCheckpoint(Self.hash, offset: 77),
        .checkpointPart(Self.hash, total: 3, offset: 1, bytes: [1, 2]),
    ]

    @Test("comes back as it was sent", arguments: messages)
    func roundTrip(message: ChangelogMessage) throws {
        let sent = ClusterMessage.changelog(message)
        #expect(try ClusterMessage.decode(sent.encoded, from: Fixture.alpha) == [sent])
    }

    @Test("has these bytes, which other versions rely on")
    func golden() {
        let pushed = ClusterMessage.changelog(.push([Self.part], wantsAnswer: true)).encoded
        #expect(
            Self.hexadecimal(pushed)
                == "100000000045" + "01" + "01000000003e"
                + "0000000000000001" + "0000000000000002" + "0000000000000003"
                + "00000000000000aa" + "00000000000000bb"
                + "0000000000000009" + "0000000000000004" + "00000002" + "0506"
        )
        let wanted = ClusterMessage.changelog(.want(Self.vector, progress: nil)).encoded
        #expect(
            Self.hexadecimal(wanted)
                == "150000000055" + "00000002"
                + "0000000000000000" + "0000000000000001" + "0000000000000001"
                + "0000000000000000" + "0000000000000000"
                + "0000000000000001" + "0000000000000002" + "0000000000000003"
                + "00000000000000aa" + "00000000000000bb" + "00"
        )
    }

    @Test("cut anywhere or with any bit flipped never traps", arguments: messages)
    func hostile(message: ChangelogMessage) {
        let bytes = ClusterMessage.changelog(message).encoded
        for count in 0..<bytes.count {
            _ = try? ClusterMessage.decode(Array(bytes.prefix(count)), from: Fixture.alpha)
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                _ = try? ClusterMessage.decode(changed, from: Fixture.alpha)
            }
        }
    }

    @Test("of the largest size the core makes fits the datagram and the frame")
    func limitsAgree() {
        let limits = ChangelogConfiguration()
        // A part takes as many bytes as the core counts with, and the head of the message 7.
        let part = ClusterMessage.changelog(.push([Self.part], wantsAnswer: true)).encoded
        #expect(part.count == ChangesetPart.overhead + Self.part.bytes.count + 7)
        #expect(limits.datagramByteCount + 7 <= DatagramSealer.bodyByteLimit)
        let parts = limits.chunkByteCount + 2 * ChangesetPart.overhead + 7
        #expect(parts <= StreamChannel.bodyByteLimit)
        // Two vectors of as many writers as a peer may name.
        #expect(2 * (4 + 40 * VersionVector.writerLimit) + 64 <= StreamChannel.bodyByteLimit)
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
