import HashTreeCollections
import MeshPrimitives

@testable import MeshChangelog

/// A hash for tests: two lanes of mixed FNV-1a.
func testHash(_ bytes: [UInt8]) -> ContentHash {
    var high: UInt64 = 0xCBF2_9CE4_8422_2325
    var low: UInt64 = 0x9E37_79B9_7F4A_7C15
    for byte in bytes {
        high = (high ^ UInt64(byte)) &* 0x100_0000_01B3
        low = SeededGenerator.mix(low ^ UInt64(byte) &+ 0x51)
    }
    return ContentHash(high: SeededGenerator.mix(high), low: low)
}

extension StructuralRules {
    /// Entities of tests are `name`, `name>reference` or `need?name:it`: names are unique, references
    /// and what is needed must exist.
    static let test = StructuralRules(
        facts: { _, body in
            let text = String(decoding: body, as: UTF8.self)
            let parts = text.split(separator: ">", omittingEmptySubsequences: false).map(
                String.init
            )
            return EntityFacts(
                claims: text.hasPrefix("name:") ? [parts[0]] : [],
                hasSecretClaims: text.hasPrefix("name:secret"),
                references: parts.count > 1 ? [parts[1]] : [],
                needs: text.hasPrefix("need?") ? [String(text.dropFirst(5))] : [],
                fault: text == "broken" ? "is broken" : nil
            )
        },
        hash: testHash
    )
}

extension NodeID {
    /// A node by a small number.
    init(_ number: Int) { self.init(high: 0xA, low: UInt64(number)) }
}

extension WriterID {
    /// A writer by a small number.
    init(_ number: Int) { self.init(high: UInt64(number), low: 0) }
}

extension Changelog {
    /// An empty log of one node.
    static func empty(
        _ number: Int = 1,
        region: String = "here",
        configuration: ChangelogConfiguration = ChangelogConfiguration(),
        keys: WriterKeys? = nil
    ) throws -> Changelog {
        try Changelog(
            node: NodeID(number),
            region: region,
            stored: StoredChangelog(),
            rules: .test,
            configuration: configuration,
            keys: keys,
            seed: UInt64(number) &* 7_919
        )
    }

    /// Writes texts by key, `nil` deletes, and answers for the disk at once.
    @discardableResult
    mutating func put(
        _ changes: [String: String?],
        expecting: ChangelogDraft.Expectation = .anything,
        ticket: UInt64 = 1
    ) throws -> [ChangelogEffect] {
        var draft = ChangelogDraft(changes: changes.mapValues { $0.map { Array($0.utf8) } })
        draft.expecting = expecting
        let effects = try self.write(draft, ticket: ticket, at: .zero)
        return effects + self.saveAll(effects)
    }

    /// Answers every save among `effects`, and those that follow from the answer.
    @discardableResult
    mutating func saveAll(_ effects: [ChangelogEffect]) -> [ChangelogEffect] {
        var all: [ChangelogEffect] = []
        var rest = effects
        while !rest.isEmpty {
            let effect = rest.removeFirst()
            guard case .persist(let batch, let token) = effect else { continue }
            let more = self.persisted(token, batch.prepared(by: .test), at: .zero)
            all += more
            rest += more
        }
        return all
    }

    /// Takes in changesets as if a peer had pushed them, and saves them.
    @discardableResult
    mutating func take(_ entries: [EncodedChangeset], from peer: NodeID) -> [ChangelogEffect] {
        let parts = entries.map { ChangesetPart(whole: $0) }
        let effects = self.receive(.push(parts, wantsAnswer: true), from: peer, at: .zero)
        return effects + self.saveAll(effects)
    }

    /// What the configuration says, as text by key.
    var texts: [String: String] {
        var texts: [String: String] = [:]
        for (key, entity) in self.state.entities {
            texts[key] = String(decoding: entity.body, as: UTF8.self)
        }
        return texts
    }

    /// All changesets not folded.
    var entries: [EncodedChangeset] { self.history.changesets }
}

extension MonotonicInstant {
    /// The start of a test.
    static let zero = MonotonicInstant(nanoseconds: 0)
}
