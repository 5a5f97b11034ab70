import MeshMembership
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("Membership's bytes, which other versions rely on")
struct MembershipGoldenTests {
    /// Sender's incarnation 9, root hash 5, 6, founded mesh.
    private static let head =
        "0000000000000009" + "0000000000000005" + "0000000000000006" + Self.mesh + "02"
    private static let mesh = "000000000000abcd"
    private static let beta = "0000000000000002" + "0000000000000014"
    private static let gamma = "0000000000000003" + "000000000000001e"

    private static let kinds: [(MembershipMessage.Kind, String, String)] = [
        (.ping(sequence: 1, target: Fixture.beta), "01", "00000001" + Self.beta),
        (.ack(sequence: .max), "02", "ffffffff"), (.nack(sequence: 0), "03", "00000000"),
        (
            .pingRequest(
                sequence: 4,
                target: Fixture.gamma,
                endpoint: Endpoint(address: .v4(0x0A00_0001), port: 7_946)
            ), "04", "00000004" + Self.gamma + "040a0000011f0a"
        ),
        (.gossip, "05", ""), (.sync, "06", ""), (.syncAnswer, "07", ""),
        (.refusal(nameHolder: Fixture.gamma), "08", Self.gamma),
        (.compare(digests: [1, .max]), "09", "0002" + "00000001" + "ffffffff"),
        (.comparison(differing: [0, 255]), "0a", "0002" + "00ff"), (.difference, "0b", ""),
    ]

    @Test("are these of each kind", arguments: Self.kinds)
    func eachKind(kind: MembershipMessage.Kind, code: String, fields: String) {
        let encoded = ClusterMessage.membership(Fixture.membership(kind)).encoded
        let content = code + Self.head + fields

        #expect(Self.hexadecimal(encoded) == "0100" + Self.length(content) + content)
    }

    @Test("are these of an accusation")
    func accusation() {
        let message = Fixture.membership(.gossip, updates: [Fixture.accusation])
        let item =
            Self.beta + "0000000000000007" + "02" + Self.gamma + "03" + "02" + "01" + "00"
            + "0000005a"
        let content = "05" + Self.head + "0200" + Self.length(item) + item

        #expect(
            Self.hexadecimal(ClusterMessage.membership(message).encoded)
                == "0100" + Self.length(content) + content
        )
    }

    @Test("are these of a member's record")
    func record() throws {
        let update = Fixture.update("a")
        guard case .record(let signed, _) = update else { return }
        let bytes =
            "01" + Self.hexadecimal(Fixture.key.key) + "0000000000000005" + "000000000000004d"
            + Self.mesh + "0000010000000000" + "00" + "000161" + "00026575" + "000161"
            + "04c00002071f0a"
            + "0005302e312e30" + "01" + "02"
            + "00000000" + "0003" + "01" + "0003" + Self.mark
        let item =
            "00000003" + Self.hexadecimal(signed.signature) + Self.length(bytes) + bytes
        let content = "05" + Self.head + "0100" + Self.length(item) + item

        #expect(
            Fixture.key.identity.verify(
                signed.signature,
                Array("meshgate member 1".utf8) + signed.bytes,
                Fixture.key.key
            )
        )
        #expect(
            Self.hexadecimal(
                ClusterMessage.membership(Fixture.membership(.gossip, updates: [update])).encoded
            ) == "0100" + Self.length(content) + content
        )
    }

    @Test("are these of a key ring")
    func keyRing() {
        let document = "00000000" + "0003" + "01" + "0003" + Self.hexadecimal(Array(0..<32))
        let content = Self.length(document) + document

        #expect(
            Self.hexadecimal(ClusterMessage.keyRing(Fixture.ring).encoded)
                == "2000" + Self.length(content) + content
        )
    }

    @Test("are these of a question and its answer")
    func question() throws {
        let question = try #require(PeerQuestion(number: 9, path: "/m"))
        let asked = "0000000000000009" + "0002" + "2f6d"
        let answer = PeerAnswer(number: 9, status: 404, body: [7])
        let told = "0000000000000009" + "0194" + "00000001" + "07"

        #expect(
            Self.hexadecimal(ClusterMessage.question(question).encoded)
                == "2800" + Self.length(asked) + asked
        )
        #expect(
            Self.hexadecimal(ClusterMessage.answer(answer).encoded)
                == "2900" + Self.length(told) + told
        )
    }

    @Test("are these before the seal, of protocol version 1")
    func envelope() throws {
        var sealer = DatagramSealer(
            keys: Fixture.keys,
            sender: Fixture.beta,
            start: Fixture.start(5)
        )
        let datagram = try sealer.seal([])
        let tag = Fixture.keys.tag

        #expect(
            Self.hexadecimal(Array(datagram.prefix(50)))
                == "4d47" + "01" + "01"
                + Self.hexadecimal([
                    UInt8(truncatingIfNeeded: tag >> 24), UInt8(truncatingIfNeeded: tag >> 16),
                    UInt8(truncatingIfNeeded: tag >> 8), UInt8(truncatingIfNeeded: tag),
                ]) + "0003" + Self.beta + "0000000000000005" + "000000000000004d"
                + "0000000000000001"
        )
    }

    private static var mark: String {
        Self.hexadecimal(Array(Sodium.hash(Array(0..<32), byteCount: 16).prefix(4)))
    }

    private static func length(_ hexadecimal: String) -> String {
        let digits = String(hexadecimal.count / 2, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
