import HashTreeCollections
import MeshChangelog
import MeshPrimitives

/// The rules of replay in as few words as possible, to hold the changelog against.
///
/// Keeps everything in plain dictionaries and begins with nothing, so it can judge a log only that has
/// not folded anything.
struct ReferenceReplay {
    /// A conflict by who met whom.
    struct Meeting: Hashable, Comparable {
        let key: String
        let winner: ChangesetID?
        let loser: ChangesetID?

        static func < (left: Meeting, right: Meeting) -> Bool {
            (left.key, left.text) < (right.key, right.text)
        }

        private var text: String { "\(self.winner, default: "-") \(self.loser, default: "-")" }
    }

    private(set) var bodies: [String: [UInt8]] = [:]
    private(set) var meetings: [Meeting] = []
    private(set) var refused = 0
    private var stamps: [String: (stamp: ContentHash, id: ChangesetID)] = [:]
    private var ends: [String: ChangesetID] = [:]
    private var origins: Set<ContentHash> = []

    /// Replays a set of changesets in the order of (generation, writer).
    init(_ entries: [EncodedChangeset]) {
        for entry in entries.sorted(by: { $0.changeset.position < $1.changeset.position }) {
            self.apply(entry)
        }
    }

    private mutating func apply(_ entry: EncodedChangeset) {
        if let origin = entry.changeset.origin {
            guard self.origins.insert(origin).inserted else { return }
        }
        var next = self
        for change in entry.changeset.changes {
            let held = self.stamps[change.key]
            let end = held == nil ? self.ends[change.key] : nil
            let isDeleted =
                entry.changeset.isLate && change.body != nil
                && end.map { $0.writer != entry.id.writer } ?? false
            let isMeeting =
                isDeleted
                || (change.replaces != held?.stamp && change.body != self.bodies[change.key])
            let before = held?.id ?? end
            if isMeeting, entry.changeset.isLate {
                next.meetings.append(
                    Meeting(key: change.key, winner: before, loser: entry.id)
                )
                continue
            }
            if isMeeting {
                next.meetings.append(
                    Meeting(key: change.key, winner: entry.id, loser: before)
                )
            }
            next.bodies[change.key] = change.body
            next.stamps[change.key] =
                change.body == nil ? nil : (stamp: entry.stamp, id: entry.id)
            next.ends[change.key] = change.body == nil ? entry.id : nil
        }
        if next.isSound { self = next } else { self.refused += 1 }
    }

    /// Whether every reference resolves and no name is taken twice.
    private var isSound: Bool {
        var names: Set<String> = []
        for (key, body) in self.bodies {
            let facts = SimulatedRules.facts(of: key, body)
            if facts.references.contains(where: { self.bodies[$0] == nil }) { return false }
            for claim in facts.claims where !names.insert(claim).inserted { return false }
        }
        return true
    }

    /// What of a log differs from the rules; `nil` when nothing does.
    static func fault(of changelog: Changelog) -> String? {
        let history = changelog.history
        guard history.startHead.generation == 0 else { return nil }
        let replay = ReferenceReplay(history.changesets)
        let held = Dictionary(
            changelog.state.entities.map { ($0.key, $0.value.body) },
            uniquingKeysWith: { first, _ in first }
        )
        if held != replay.bodies {
            let keys = Set(held.keys).union(replay.bodies.keys)
            let key = keys.sorted().first { held[$0] != replay.bodies[$0] } ?? ""
            return "holds another \(key) than its changesets add up to"
        }
        let shown = changelog.conflicts.map { conflict in
            Meeting(
                key: conflict.key,
                winner: conflict.winner.changeset,
                loser: conflict.loser.changeset
            )
        }
        guard shown.sorted() == replay.meetings.sorted() else {
            return "shows \(shown.count) conflicts of \(replay.meetings.count)"
        }
        return nil
    }
}

/// What decides in simulations whether a changeset stands.
enum SimulatedRules {
    /// An entity's twin needs it, and three names are there once for every third entity.
    static func facts(of key: String, _ body: [UInt8]) -> EntityFacts {
        guard key.hasSuffix("/twin"), let digit = body.last else { return EntityFacts() }
        let entity = String(key.dropLast("/twin".count))
        let number = Int(entity.split(separator: "/").last ?? "") ?? 0
        var facts = EntityFacts(references: [entity])
        if digit <= 0x32 { facts.claims = ["name=\(number % 3)"] }
        return facts
    }
}
