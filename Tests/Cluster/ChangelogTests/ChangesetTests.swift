import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("A changeset's bytes")
struct ChangesetTests {
    private let sample = Changeset(
        id: ChangesetID(writer: WriterID(1), sequence: 3),
        previous: ContentHash(high: 1, low: 2),
        generation: 41,
        node: NodeID(9),
        wallMilliseconds: 1_700_000_000_000,
        author: "ann",
        message: "add the shop",
        origin: ContentHash(high: 5, low: 6),
        changes: [
            Changeset.Change(key: "routes/1", replaces: nil, body: [1, 2, 3]),
            Changeset.Change(key: "services/1", replaces: ContentHash(high: 8, low: 8), body: nil),
        ]
    )

    @Test("say everything, and are kept as they came")
    func roundTrip() throws {
        let encoded = EncodedChangeset(self.sample, hash: testHash)
        let read = try EncodedChangeset(decoding: encoded.bytes, hash: testHash)
        #expect(read == encoded)
        #expect(read.changeset == self.sample)
        // What a newer version adds at the end is relayed with the rest.
        let longer = try EncodedChangeset(decoding: encoded.bytes + [1, 2], hash: testHash)
        #expect(longer.bytes == encoded.bytes + [1, 2])
        #expect(longer.hash != encoded.hash)
    }

    @Test("are made anew, to the byte, of a large one that a log has kept as what it says")
    func madeAnew() throws {
        let change = Changeset.Change(
            key: "routes/2",
            replaces: nil,
            body: Array(repeating: 7, count: 9_000)
        )
        let large = Changeset(
            id: self.sample.id,
            previous: self.sample.previous,
            generation: 41,
            node: self.sample.node,
            wallMilliseconds: 1,
            author: "änn",
            message: "",
            changes: self.sample.changes.prefix(1) + [change]
        )
        let bytes = EncodedChangeset(large, hash: testHash).bytes + [1, 2]
        let read = try EncodedChangeset(decoding: bytes, hash: testHash)
        let settled = read.settled

        #expect(settled == read)
        #expect(settled.bytes == bytes)
        #expect(settled.byteCount == bytes.count)
        #expect(settled.hash == testHash(bytes))
        let rules = StructuralRules(facts: { _, _ in EntityFacts() }, hash: testHash)
        #expect(read.prepared(by: rules).settled.prepared == nil)
    }

    @Test("of a large one are kept while somebody fetches it, and no longer")
    func served() throws {
        var configuration = ChangelogConfiguration()
        configuration.chunkByteCount = 1_000
        var log = try Changelog.empty(configuration: configuration)
        try log.put(["k/1": String(repeating: "v", count: 9_000)])
        let entry = try #require(log.entries.first)
        log.setPeers([ChangelogPeer(node: NodeID(2), region: "here", isReachable: true)])
        #expect(log.served.isEmpty)

        let want = ChangelogMessage.want(VersionVector(), progress: nil)
        let sent = log.receive(want, from: NodeID(2), at: .zero).compactMap { effect in
            if case .stream(.parts(let parts, _), _) = effect { parts.first?.bytes } else { nil }
        }
        #expect(sent == [Array(entry.bytes.prefix(1_000))])
        #expect(log.served.map(\.hash) == [entry.hash])
        _ = log.wake(at: MonotonicInstant(nanoseconds: 2_000_000_000))
        #expect(log.served.count == 1)
        _ = log.wake(at: MonotonicInstant(nanoseconds: 3_000_000_000))
        #expect(log.served.isEmpty)
    }

    @Test("cut anywhere, or changed in any bit, never trap")
    func hostile() throws {
        let bytes = EncodedChangeset(self.sample, hash: testHash).bytes
        for count in 0..<bytes.count {
            #expect(throws: ChangelogError.self) {
                try EncodedChangeset(decoding: Array(bytes.prefix(count)), hash: testHash)
            }
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                _ = try? EncodedChangeset(decoding: changed, hash: testHash)
            }
        }
    }

    @Test(
        "with a key twice, keys out of order, a number 0 or a key that is none are refused",
        arguments: [["b", "a"], ["a", "a"], [""], ["a b"], ["ä"]]
    )
    func disorderly(keys: [String]) {
        let changeset = Changeset(
            id: ChangesetID(writer: WriterID(1), sequence: 1),
            previous: .zero,
            generation: 1,
            node: NodeID(1),
            wallMilliseconds: 0,
            author: "",
            message: "",
            changes: keys.map { Changeset.Change(key: $0, replaces: nil, body: nil) }
        )
        let bytes = EncodedChangeset(changeset, hash: testHash).bytes
        #expect(throws: ChangelogError.malformed(reason: "numbers start at 1 and keys ascend")) {
            try EncodedChangeset(decoding: bytes, hash: testHash)
        }
    }

    @Test("come together from parts, in whatever sizes, and start over with another content")
    func parts() {
        let whole = Array(UInt8(0)...99)
        let hash = testHash(whole)
        var partial = PartialContent()
        #expect(
            partial.add(hash, total: 100, offset: 0, bytes: Array(whole[..<40]), limit: 100) == nil
        )
        #expect(partial.progress == PartProgress(hash: hash, offset: 40))
        // Repeated and skipped stretches are dropped.
        #expect(
            partial.add(hash, total: 100, offset: 50, bytes: Array(whole[50...]), limit: 100) == nil
        )
        #expect(partial.progress?.offset == 40)
        #expect(
            partial.add(hash, total: 100, offset: 40, bytes: Array(whole[40...]), limit: 100)
                == whole
        )
        #expect(partial.progress == nil)
        #expect(partial.add(hash, total: .max, offset: 0, bytes: [1], limit: 100) == nil)
        #expect(partial.progress == nil)
        #expect(partial.add(hash, total: 1, offset: 0, bytes: [1, 2], limit: 100) == nil)
    }

    @Test("are named by vectors that read back as they were, with writers in order")
    func vectors() throws {
        var vector = VersionVector()
        for number in [3, 1, 2] {
            vector[WriterID(number)] = VersionVector.Entry(
                sequence: UInt64(number),
                head: ContentHash(high: 0, low: UInt64(number))
            )
        }
        var reader = ByteReader(vector.encoded)
        #expect(try reader.readVersionVector() == vector)
        #expect(vector.writers == [WriterID(1), WriterID(2), WriterID(3)])
        #expect(VersionVector().root(hash: testHash) == .zero)
        #expect(vector.covers(ChangesetID(writer: WriterID(2), sequence: 2)))
        #expect(!vector.covers(ChangesetID(writer: WriterID(2), sequence: 3)))
        var many = ByteReader([0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: ByteReaderError.self) { try many.readVersionVector() }
    }

    @Test("is refused with an error that says what to do")
    func errors() {
        let head = ChangelogHead(generation: 41, hash: ContentHash(high: 0x7C1E << 48, low: 0))
        let errors: [ChangelogError] = [
            .invalidKey("a b"), .stale(held: head), .entityChanged(key: "k", held: nil),
            .entityChanged(key: "k", held: .zero), .refused(reason: "x"),
            .tooLarge(found: 2, limit: 1), .busy(limit: 1), .notSaved(reason: "full"), .exhausted,
            .malformed(reason: "x"),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
        #expect(head.description == "g41 7c1e")
        #expect(errors[1].description.contains("g41 7c1e"))
    }
}
