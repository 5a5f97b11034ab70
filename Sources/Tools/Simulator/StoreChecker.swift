import HashTreeCollections
import MeshChangelog
import MeshPrimitives

/// Checks that what was acknowledged stays, that no changeset is torn, and that all agree in the end.
struct StoreChecker {
    private var acknowledged: [ChangesetID: ContentHash] = [:]
    /// Every changeset that a disk was given.
    private var known: [ContentHash: EncodedChangeset] = [:]
    /// What each node's disk has of what it wrote itself.
    private var saved: [NodeID: [ChangesetID: EncodedChangeset]] = [:]
    /// Changesets that some node refused by the rules.
    private var refused: Set<ChangesetID> = []

    /// Notes what a disk was given.
    mutating func note(_ batch: ChangelogBatch) {
        for entry in batch.added { self.known[entry.hash] = entry }
    }

    /// Notes what a node wrote and its disk has.
    mutating func noteSaved(_ batch: ChangelogBatch, by node: NodeID) {
        for entry in batch.added where entry.changeset.node == node {
            self.saved[node, default: [:]][entry.id] = entry
        }
        for id in batch.removed where batch.displaced.isEmpty {
            self.saved[node]?[id] = nil
        }
    }

    /// Forgets what a node wrote, since its disk was harmed.
    mutating func forget(_ node: NodeID) { self.saved[node] = nil }

    /// Notes that a changeset changes nothing.
    mutating func noteRefusal(of id: ChangesetID) { self.refused.insert(id) }

    /// The entity that every changeset changes together with `key`.
    static func twin(of key: String) -> String { key + "/twin" }

    /// Notes a write that a node told its operator is safe.
    mutating func acknowledge(_ entry: EncodedChangeset) {
        self.acknowledged[entry.id] = entry.hash
    }

    /// Judges a configuration that became visible at a node.
    func check(_ changelog: Changelog, at node: Int, _ now: MonotonicInstant) -> Violation? {
        let entities = changelog.state.entities
        for number in 0..<Simulation.keyCount {
            let key = "services/\(number)"
            guard entities[key]?.body != entities[Self.twin(of: key)]?.body else { continue }
            return Violation(
                promise: .wholeChangesets,
                at: now,
                text: "node \(node) shows a part of a changeset of \(key)"
            )
        }
        return nil
    }

    /// Judges all stores after quiet.
    func checkQuiet(
        _ stores: [(node: Int, changelog: Changelog)],
        of running: [NodeID],
        at now: MonotonicInstant
    ) -> Violation? {
        guard let first = stores.first else { return nil }
        for store in stores where store.changelog.root != first.changelog.root {
            return Violation(
                promise: .equalStores,
                at: now,
                text: "nodes \(first.node) and \(store.node) hold different changesets"
            )
        }
        for store in stores where store.changelog.head != first.changelog.head {
            return Violation(
                promise: .equalStores,
                at: now,
                text: "nodes \(first.node) and \(store.node) hold the same changesets and are at "
                    + "\(first.changelog.head) and \(store.changelog.head)"
            )
        }
        for id in self.acknowledged.keys.sorted() {
            guard let hash = self.acknowledged[id], !first.changelog.includes(id, hash) else {
                continue
            }
            return Violation(
                promise: .durability,
                at: now,
                text: "changeset \(id) was acknowledged but is gone"
            )
        }
        for node in running {
            for (id, entry) in self.saved[node, default: [:]].sorted(by: { $0.key < $1.key })
            where !first.changelog.includes(id, entry.hash)
                && !first.changelog.includes(id, entry.stamp)
            {
                let text = "changeset \(id), which its writer's disk has, is in no log"
                return Violation(promise: .durability, at: now, text: text)
            }
        }
        for store in stores {
            guard let fault = ReferenceReplay.fault(of: store.changelog) else { continue }
            return Violation(promise: .replay, at: now, text: "node \(store.node) \(fault)")
        }
        return self.returned(in: first.changelog).map {
            Violation(promise: .noReturn, at: now, text: $0)
        }
    }

    /// What stands although a changeset that is held has taken its place.
    private func returned(in changelog: Changelog) -> String? {
        // What was refused when it was written again has changed nothing under its first name either.
        let refused = self.known.values.filter { self.refused.contains($0.id) }
        let refusedStamps = Set(refused.map(\.stamp))
        let held = self.known.values.filter { entry in
            changelog.includes(entry.id, entry.hash) && !refusedStamps.contains(entry.stamp)
        }
        var successors: [String: [(entry: EncodedChangeset, change: Changeset.Change)]] = [:]
        var late: [ContentHash: EncodedChangeset] = [:]
        for entry in held {
            if let origin = entry.changeset.origin { late[origin] = entry }
            for change in entry.changeset.changes where !entry.changeset.isLate {
                successors[change.key, default: []].append((entry, change))
            }
        }
        for (key, entity) in changelog.state.entities.sorted(by: { $0.key < $1.key }) {
            let others = successors[key, default: []].filter {
                $0.entry.stamp != entity.stamp && $0.change.body != entity.body
            }
            if let next = others.first(where: { $0.change.replaces == entity.stamp }) {
                return "\(key) stands as before \(next.entry.id), which replaced it"
            }
            // What was written again because it came too late had replaced something, too.
            guard let again = late[entity.stamp], entity.changeset == again.id,
                let base = again.changeset.changes.first(where: { $0.key == key })?.replaces,
                base != .zero
            else { continue }
            if let rival = others.first(where: { $0.change.replaces == base }) {
                return "\(key) came late and stands against \(rival.entry.id)"
            }
        }
        return nil
    }
}
