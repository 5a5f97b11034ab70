import MeshChangelog
import MeshMembership
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("A node's key")
struct NodeKeyTests {
    /// RFC 8032, section 7.1, test 2.
    private static let seed: [UInt8] = [
        0x4C, 0xCD, 0x08, 0x9B, 0x28, 0xFF, 0x96, 0xDA, 0x9D, 0xB6, 0xC3, 0x46, 0xEC, 0x11, 0x4E,
        0x0F, 0x5B, 0x8A, 0x31, 0x9F, 0x35, 0xAB, 0xA6, 0x24, 0xDA, 0x8C, 0xF6, 0xED, 0x4F, 0xB8,
        0xA6, 0xFB,
    ]

    @Test("is Ed25519's, as in RFC 8032, section 7.1")
    func vector() throws {
        let key = try #require(NodeKey(seed: Self.seed))

        let signature = key.identity.sign([0x72])

        #expect(key.key.prefix(4) == [0x3D, 0x40, 0x17, 0xC3])
        #expect(signature.prefix(4) == [0x92, 0xA0, 0x09, 0xA9])
        #expect(key.identity.verify(signature, [0x72], key.key))
    }

    @Test("verifies nothing that another key, another text or no key at all has signed")
    func refuses() throws {
        let key = try #require(NodeKey(seed: Self.seed))
        let signature = key.identity.sign([1, 2, 3])

        #expect(!key.identity.verify(signature, [1, 2, 4], key.key))
        #expect(!key.identity.verify(signature, [1, 2, 3], NodeKey.generated().key))
        #expect(!key.identity.verify([], [1, 2, 3], key.key))
        #expect(!key.identity.verify(signature, [1, 2, 3], []))
    }

    @Test("gives the same identity each time, another for another key, and shows no secret")
    func identity() throws {
        let key = try #require(NodeKey(seed: Self.seed))

        #expect(NodeKey(seed: Self.seed)?.identity.node == key.identity.node)
        #expect(NodeKey.generated().identity.node != key.identity.node)
        #expect(NodeKey(seed: [1]) == nil)
        #expect("\(key)" == "key of \(key.identity.node)")
    }

    @Test("seals changesets so that nobody else's seal, name or bytes pass for it")
    func writerKeys() throws {
        let own = try #require(NodeKey(seed: Self.seed)).identity
        let other = NodeKey.generated().identity
        let content: [UInt8] = [1, 2, 3, 4]
        let seal = own.writerKeys.seal(content)
        #expect(seal.count == 96 && seal.prefix(32) == own.key[...])

        // Whoever checks: the own node, and any other.
        for keys in [own.writerKeys, other.writerKeys] {
            #expect(keys.isGenuine(own.node, seal, content))
            #expect(!keys.isGenuine(other.node, seal, content), "another node's name")
            #expect(!keys.isGenuine(own.node, other.writerKeys.seal(content), content))
            let borrowed = own.key + other.sign(content)
            #expect(!keys.isGenuine(own.node, borrowed, content), "signed by another key")
            #expect(!keys.isGenuine(own.node, other.key + own.sign(content), content))
            for place in content.indices {
                var flipped = content
                flipped[place] ^= 1
                #expect(!keys.isGenuine(own.node, seal, flipped), "content, byte \(place)")
            }
            for place in seal.indices {
                var flipped = seal
                flipped[place] ^= 1
                #expect(!keys.isGenuine(own.node, flipped, content), "seal, byte \(place)")
            }
            for wrong in [[], Array(seal.dropLast()), Array(seal.dropFirst()), seal + [0]] {
                #expect(!keys.isGenuine(own.node, wrong, content), "\(wrong.count) bytes")
            }
        }
    }

    @Test("signs records that survive the wire, and damage shows")
    func records() throws {
        guard case .record(let signed, _) = Fixture.update("a") else { return }
        var bytes = signed.bytes
        bytes[78] ^= 1

        let damaged = try SignedRecord(
            decoding: bytes,
            signature: signed.signature,
            identify: { NodeID(key: $0) }
        )
        let same = try SignedRecord(
            decoding: signed.bytes,
            signature: signed.signature,
            identify: { NodeID(key: $0) }
        )

        #expect(same == signed)
        #expect(same.record == signed.record)
        #expect(damaged != signed)
    }
}
