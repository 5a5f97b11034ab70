public import HashTreeCollections
public import MeshPrimitives

/// The configuration after some changesets: entities by key, and what the structural rules need.
///
/// Persistent: copies share what is equal, so keeping many states of a log costs little.
public struct ConfigurationState: Sendable {
    /// One entity as it stands, held once by all the states that have it: a state that changes copies
    /// a pointer for each of the entity's neighbours.
    public final class Entity: Equatable, Sendable {
        /// Its content.
        public let body: [UInt8]
        /// The changeset that wrote it.
        public let changeset: ChangesetID
        /// The hash of that changeset as first written; what a change names as replaced.
        public let stamp: ContentHash
        /// The hash of key and content; what an `ETag` shows.
        public let hash: ContentHash
        let facts: EntityFacts

        /// Whether it is kept beside the configuration, and no part of it.
        public var isAside: Bool { self.facts.isAside }

        init(
            body: [UInt8],
            changeset: ChangesetID,
            stamp: ContentHash,
            hash: ContentHash,
            facts: EntityFacts
        ) {
            self.body = body
            self.changeset = changeset
            self.stamp = stamp
            self.hash = hash
            self.facts = facts
        }

        /// Whether two say the same, and the same changeset wrote them.
        public static func == (left: Entity, right: Entity) -> Bool {
            left === right
                || (left.hash == right.hash && left.stamp == right.stamp
                    && left.changeset == right.changeset && left.body == right.body)
        }
    }

    /// The end of an entity, remembered so that a conflict can name both sides.
    struct Removal: Equatable, Sendable {
        let changeset: ChangesetID
        let stamp: ContentHash
    }

    /// Ends of entities remembered; when more come together, the names of all are dropped.
    static let removalLimit = 65_536

    /// Every entity by its key, `<kind>/<id>`.
    public private(set) var entities: TreeDictionary<String, Entity> = [:]
    /// Keys of entities that are kept beside the configuration.
    public private(set) var asideKeys: TreeSet<String> = []
    /// The sum over all entities' hashes: the same content gives the same hash, whatever led to it.
    ///
    /// Zero for no entities. Costs O(1) per change.
    public private(set) var hash = ContentHash.zero

    private var claims: TreeDictionary<String, String> = [:]
    private var referrers: TreeDictionary<String, Int> = [:]
    /// How many entities need each claim.
    private var needs: TreeDictionary<String, Int> = [:]
    private(set) var removals: TreeDictionary<String, Removal> = [:]
    private(set) var origins: TreeSet<ContentHash> = []

    /// Creates the state of no changesets.
    public init() {}

    /// Applies a changeset whole, or leaves everything as it was.
    mutating func apply(
        _ encoded: EncodedChangeset,
        rules: StructuralRules
    ) -> ChangesetOutcome {
        if let origin = encoded.changeset.origin {
            guard self.origins.insert(origin).inserted else { return .repeated }
        }
        var next = self
        let (changes, conflicts) = next.standing(encoded, rules.flaw)
        if let reason = next.replace(changes, by: encoded, rules: rules) {
            if rules.flaw == .keepsPartOfRefused { self = next }
            return .refused(reason: reason)
        }
        self = next
        return .applied(conflicts)
    }

    /// What of a changeset stands, and what met changes that its writer had not seen.
    private func standing(
        _ encoded: EncodedChangeset,
        _ flaw: ChangelogFlaw?
    ) -> ([Changeset.Change], [Conflict]) {
        var standing: [Changeset.Change] = []
        var conflicts: [Conflict] = []
        for change in encoded.changeset.changes {
            let held = self.held(change.key)
            let isMeeting = change.replaces != held?.stamp && change.body != held?.body
            guard isMeeting || self.isDeleted(change, before: encoded) else {
                standing.append(change)
                continue
            }
            let new = Conflict.Side(changeset: encoded.id, body: change.body)
            let old = Conflict.Side(
                changeset: held?.changeset ?? self.removals[change.key]?.changeset,
                body: held?.body
            )
            if encoded.changeset.isLate, flaw != .letsLateOnesWin {
                conflicts.append(Conflict(key: change.key, winner: old, loser: new))
            } else {
                conflicts.append(Conflict(key: change.key, winner: new, loser: old))
                standing.append(change)
            }
        }
        return (standing, flaw == .hidesConflicts ? [] : conflicts)
    }

    /// Whether a late changeset creates what another writer has deleted, who may have seen it: what comes
    /// late would bring it back.
    private func isDeleted(_ change: Changeset.Change, before encoded: EncodedChangeset) -> Bool {
        guard encoded.changeset.isLate, change.body != nil, self.held(change.key) == nil,
            let removal = self.removals[change.key]
        else { return false }
        return removal.changeset.writer != encoded.id.writer
    }

    /// Makes the changes; gives the rule that the result breaks.
    private mutating func replace(
        _ changes: [Changeset.Change],
        by encoded: EncodedChangeset,
        rules: StructuralRules
    ) -> String? {
        let prepared = encoded.prepared?.details ?? []
        // As many as were worked out are the very same: neither has a key twice, all of these are in the
        // changeset, and nothing is worked out of a deletion, where there is no index.
        if self.isFree, changes.count == prepared.count, let index = encoded.prepared?.index {
            assert(zip(changes, prepared).allSatisfy { $0.key == $1.key && $0.body == $1.body })
            self.adopt(prepared, index, by: encoded)
            return nil
        }
        let freed = self.entities.isEmpty ? [] : changes.flatMap { self.take(out: $0.key) }
        var place = 0
        var facts: [EntityFacts?] = []
        facts.reserveCapacity(changes.count)
        for change in changes {
            guard let body = change.body else {
                self.remember(Removal(changeset: encoded.id, stamp: encoded.stamp), of: change.key)
                facts.append(nil)
                continue
            }
            let detail =
                prepared.detail(of: change.key, from: &place)
                ?? PreparedChanges.Detail(change.key, body, rules)
            facts.append(detail.facts)
            if let fault = detail.facts.fault { return "\(change.key): \(fault)" }
            let entity = Entity(
                body: body,
                changeset: encoded.id,
                stamp: encoded.stamp,
                hash: detail.hash,
                facts: detail.facts
            )
            if let other = self.put(entity, at: change.key) {
                return "\(change.key): \(other)"
            }
        }
        return self.danglingReference(after: changes, facts)
            ?? self.unmetNeed(after: changes, facts, freed)
    }

    /// Whether no entity is here, nor anything that the rules keep of one.
    var isFree: Bool {
        self.entities.isEmpty && self.claims.isEmpty && self.referrers.isEmpty && self.needs.isEmpty
    }

    /// Takes in entities where there are none; their index says that they break no rule.
    private mutating func adopt(
        _ details: [PreparedChanges.Detail],
        _ index: PreparedIndex,
        by encoded: EncodedChangeset
    ) {
        (self.claims, self.referrers, self.needs) = (index.claims, index.referrers, index.needs)
        for detail in details {
            self.place(
                Entity(
                    body: detail.body,
                    changeset: encoded.id,
                    stamp: encoded.stamp,
                    hash: detail.hash,
                    facts: detail.facts
                ),
                at: detail.key
            )
        }
    }

    private func held(_ key: String) -> Entity? {
        // Where nothing is held, a large first changeset need not be looked up.
        self.entities.isEmpty ? nil : self.entities[key]
    }

    /// Removes an entity, if it is there; gives the claims that others may need.
    @discardableResult
    private mutating func take(out key: String) -> [String] {
        guard let old = self.entities.removeValue(forKey: key) else { return [] }
        if old.facts.isAside {
            self.asideKeys.remove(key)
        } else {
            self.hash = self.hash.subtracting(old.hash)
        }
        for claim in old.facts.claims where self.claims[claim] == key { self.claims[claim] = nil }
        for reference in old.facts.references {
            let count = self.referrers[reference, default: 1] - 1
            self.referrers[reference] = count > 0 ? count : nil
        }
        for need in old.facts.needs {
            let count = self.needs[need, default: 1] - 1
            self.needs[need] = count > 0 ? count : nil
        }
        return self.needs.isEmpty ? [] : old.facts.claims
    }

    /// Adds an entity that is not there; gives the claim that another one holds already, and leaves
    /// a state that is good for nothing then.
    private mutating func put(_ entity: Entity, at key: String) -> String? {
        for claim in entity.facts.claims {
            if let holder = self.claims.updateValue(key, forKey: claim), holder != key {
                self.claims[claim] = holder
                let shown = entity.facts.hasSecretClaims ? "what it is found by" : claim
                return "\(shown) is taken by \(holder)"
            }
        }
        for reference in entity.facts.references { self.referrers[reference, default: 0] += 1 }
        for need in entity.facts.needs { self.needs[need, default: 0] += 1 }
        self.place(entity, at: key)
        return nil
    }

    private mutating func place(_ entity: Entity, at key: String) {
        self.entities[key] = entity
        if !self.removals.isEmpty { self.removals[key] = nil }
        if entity.facts.isAside {
            self.asideKeys.insert(key)
        } else {
            self.hash = self.hash.adding(entity.hash)
        }
    }

    private mutating func remember(_ removal: Removal, of key: String) {
        if self.removals.count >= Self.removalLimit { self.removals = [:] }
        self.removals[key] = removal
    }

    private func danglingReference(
        after changes: [Changeset.Change],
        _ facts: [EntityFacts?]
    ) -> String? {
        for (change, facts) in zip(changes, facts) {
            if let facts {
                for reference in facts.references
                where !self.entities.keys.contains(reference) {
                    return "\(change.key) refers to \(reference), which does not exist"
                }
            } else if self.referrers[change.key] != nil {
                return "\(change.key) is deleted, but others refer to it"
            }
        }
        return nil
    }

    private func unmetNeed(
        after changes: [Changeset.Change],
        _ facts: [EntityFacts?],
        _ freed: [String]
    ) -> String? {
        guard !self.needs.isEmpty else { return nil }
        for (change, facts) in zip(changes, facts) {
            for need in facts?.needs ?? []
            where self.claims[need] == nil {
                return "\(change.key) needs \(need), which does not exist"
            }
        }
        let lost = freed.first { self.claims[$0] == nil && self.needs[$0] != nil }
        return lost.map { "\($0) is deleted, but others refer to it" }
    }

    /// What ``Entity/hash`` is for an entity with this key and content.
    public static func hash(
        of key: String,
        _ body: [UInt8],
        rules: StructuralRules
    ) -> ContentHash {
        var writer = ByteWriter(capacity: key.utf8.count + body.count + 6)
        writer.write(key)
        writer.write(sized: body)
        return rules.hash(writer.bytes)
    }
}

extension ConfigurationState {
    /// Puts back what a checkpoint holds; rules held when it was made.
    mutating func restore(
        _ key: String,
        changeset: ChangesetID,
        stamp: ContentHash,
        body: [UInt8],
        rules: StructuralRules
    ) {
        let entity = Entity(
            body: body,
            changeset: changeset,
            stamp: stamp,
            hash: Self.hash(of: key, body, rules: rules),
            facts: rules.facts(key, body)
        )
        self.take(out: key)
        _ = self.put(entity, at: key)
    }

    mutating func restore(_ removal: Removal, of key: String) { self.removals[key] = removal }

    mutating func restore(origin: ContentHash) { self.origins.insert(origin) }

    /// Whether a late changeset with this origin is in the log.
    func includes(origin: ContentHash) -> Bool { self.origins.contains(origin) }
}

extension ContentHash {
    /// Adds as a number of 128 bits, wrapping; the order of adding does not matter.
    public func adding(_ other: ContentHash) -> ContentHash {
        let (low, carry) = self.low.addingReportingOverflow(other.low)
        return ContentHash(high: self.high &+ other.high &+ (carry ? 1 : 0), low: low)
    }

    /// Takes out what was added.
    func subtracting(_ other: ContentHash) -> ContentHash {
        let (low, borrow) = self.low.subtractingReportingOverflow(other.low)
        return ContentHash(high: self.high &- other.high &- (borrow ? 1 : 0), low: low)
    }
}
