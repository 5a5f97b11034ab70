import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("Index worked out ahead")
struct PreparedIndexTests {
    private static func details(_ texts: [String: String]) -> [PreparedChanges.Detail] {
        texts.sorted { $0.key < $1.key }.map {
            PreparedChanges.Detail($0.key, Array($0.value.utf8), .test)
        }
    }

    private static func index(_ texts: [String: String]) -> PreparedIndex? {
        let details = Self.details(texts)
        return PreparedIndex(PreparedIndex.Claims(of: details), .init(of: details))
    }

    /// A log that has taken the texts in at once, with or without an index.
    private static func log(_ texts: [String: String], isIndexed: Bool) throws -> Changelog {
        var log = try Changelog.empty()
        let index: PreparedIndex = try #require(Self.index(texts))
        let prepared = PreparedChanges(Self.details(texts), index: isIndexed ? index : nil)
        log.saveAll(try log.write(ChangelogDraft(creating: prepared), ticket: 1, at: .zero))
        return log
    }

    @Test("what is taken in with an index is what is taken in without, and so is what follows")
    func same() throws {
        let texts = [
            "k/1": "name:a", "k/2": "name:b>k/1", "k/3": "plain", "k/4": "need?name:a",
            "k/5": "other>k/1",
        ]
        let followers: [[String: String?]] = [
            ["k/1": nil], ["k/1": nil, "k/2": nil, "k/5": nil], ["k/6": "name:a"],
            ["k/6": "name:a", "k/1": nil], ["k/2": nil, "k/5": nil, "k/4": nil, "k/1": nil],
            ["k/2": "name:c"], ["k/7": "x>k/3"], ["k/7": "x>k/9"],
        ]
        for follower in followers {
            var (indexed, plain) = (
                try Self.log(texts, isIndexed: true), try Self.log(texts, isIndexed: false)
            )
            #expect(indexed.texts == texts && indexed.head == plain.head)
            let answers = (try indexed.put(follower), try plain.put(follower))
            #expect("\(answers.0)" == "\(answers.1)", "\(follower)")
            #expect(indexed.texts == plain.texts && indexed.head == plain.head)
        }
    }

    @Test("a peer that has nothing takes a changeset in with an index, and holds the same")
    func peers() throws {
        var log = try Changelog.empty()
        var other = try Changelog.empty(2)
        other.setPeers([ChangelogPeer(node: NodeID(1), region: "here")])
        try log.put(["k/1": "name:a", "k/2": "x>k/1", "k/3": "need?name:a"])
        let parts = log.entries.map { ChangesetPart(whole: $0) }
        let effects = other.receive(.push(parts, wantsAnswer: true), from: NodeID(1), at: .zero)
        let batches = effects.compactMap { effect in
            if case .persist(let batch, _) = effect { batch.prepared(by: .test).batch } else { nil }
        }
        #expect(batches.flatMap(\.added).allSatisfy { $0.prepared?.index != nil })
        other.saveAll(effects)
        #expect(other.texts == log.texts && other.head == log.head)
        // Nobody makes one where something is held.
        try log.put(["k/4": "name:b"])
        let more = log.entries.suffix(1).map { ChangesetPart(whole: $0) }
        var copy = other
        for case .persist(let batch, _) in copy.receive(
            .push(more, wantsAnswer: true),
            from: NodeID(1),
            at: .zero
        ) {
            #expect(batch.prepared(by: .test).batch.added.allSatisfy { $0.prepared?.index == nil })
        }
        other.take(log.entries, from: NodeID(1))
        let followers: [[String: String?]] = [
            ["k/1": nil], ["k/5": "name:a"], ["k/5": "y>k/2", "k/3": nil],
        ]
        for follower in followers {
            var (one, two) = (log, other)
            try one.put(follower)
            try two.put(follower)
            #expect(one.texts == two.texts)
        }
    }

    @Test(
        "there is none of what breaks a rule",
        arguments: [
            ["k/1": "name:a", "k/2": "name:a"], ["k/1": "x>k/2"], ["k/1": "need?name:a"],
            ["k/1": "broken"],
        ]
    )
    func broken(texts: [String: String]) { #expect(Self.index(texts) == nil) }

    @Test("is left aside where something is held already")
    func notFirst() throws {
        var log = try Changelog.empty()
        try log.put(["k/9": "name:a"])
        let texts = ["k/1": "name:a"]
        let prepared = PreparedChanges(Self.details(texts), index: Self.index(texts))
        let refused = try log.write(ChangelogDraft(creating: prepared), ticket: 2, at: .zero)
        #expect("\(refused)".contains("name:a is taken by k/9"))
        #expect(log.texts == ["k/9": "name:a"])
    }

    @Test("a draft of details lists them, and forgets them when it is changed")
    func draft() {
        var draft = ChangelogDraft(creating: PreparedChanges(Self.details(["k/1": "a"])))
        #expect(!draft.isEmpty && draft.containsKey { $0 == "k/1" })
        #expect(!draft.containsKey { $0 == "k/2" })
        #expect(draft == ChangelogDraft(changes: ["k/1": Array("a".utf8)]))
        draft.changes["k/2"] = [1]
        #expect(draft.changes == ["k/1": Array("a".utf8), "k/2": [1]])
        #expect(draft.prepared == nil)
    }
}
