import HashTreeCollections
import MeshChangelog
import MeshPrimitives

/// Checks that what was acknowledged stays, that no changeset is torn, and that all agree in the end.
struct StoreChecker {
    private var acknowledged: [ChangesetID: ContentHash] = [:]

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
        return nil
    }
}
