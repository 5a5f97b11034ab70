import MeshPrimitives

@testable import MeshWire

/// What a fuzzer calls with any bytes: returns when all is well and traps when it is not.
enum WireFuzz {
    /// Every target, by name.
    static let targets: [(name: String, run: @Sendable ([UInt8]) -> Void)] = [
        ("body", { Self.body($0) }), ("datagram", { Self.datagram($0) }),
        ("stream", { Self.stream($0) }), ("ring", { Self.ring($0) }),
    ]

    /// What is read is bounded by what came, and is read again as the same.
    static func body(_ bytes: [UInt8]) {
        guard let messages = try? ClusterMessage.decode(bytes, from: Fixture.alpha) else { return }
        precondition(messages.count <= ClusterMessage.recordLimit, "more records than the limit")
        for message in messages {
            let encoded = message.encoded
            // A text with damaged characters may become three times as long.
            precondition(encoded.count <= 3 * bytes.count + 64, "more than what came")
            guard let again = try? ClusterMessage.decode(encoded, from: Fixture.alpha) else {
                preconditionFailure("what was read is not readable: \(message)")
            }
            precondition(again == [message], "read again as another: \(message)")
        }
    }

    /// Nobody without the key makes a datagram that opens.
    static func datagram(_ bytes: [UInt8]) {
        var opener = DatagramOpener(keys: Fixture.keys, node: Fixture.beta)
        precondition((try? opener.open(bytes)) == nil, "forged")
    }

    /// Nobody without the key gets further than the first message of a stream.
    static func stream(_ bytes: [UInt8]) {
        var assembler = FrameAssembler()
        assembler.append(bytes)
        while let frame = try? assembler.next() {
            let accepted = try? StreamHandshake.accept(
                hello: frame,
                keys: Fixture.keys,
                node: Fixture.beta
            )
            precondition(accepted == nil, "forged")
        }
    }

    /// A key ring, as a text and as a document, holds no more keys than allowed.
    static func ring(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        for ring in [try? KeyRing(parsing: text), KeyRing(document: bytes)] {
            precondition(ring?.epochs.count ?? 0 <= KeyRing.maximumKeyCount, "too many keys")
        }
    }
}
