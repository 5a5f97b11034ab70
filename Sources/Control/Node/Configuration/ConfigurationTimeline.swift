import HashTreeCollections
import MeshActivation
import MeshChangelog
import MeshPrimitives
import MeshReports

/// The configurations that a node remembers, in their order, and how operators name them.
///
/// A name is a changeset's (`1f00ab34:7`), its generation (`g41` or `41`), the whole hash of a
/// configuration, `checkpoint` for what came before the oldest one, or empty for the newest; a `^` at
/// its end means: without that changeset.
struct ConfigurationTimeline: Sendable {
    /// A configuration of the past.
    struct Place: Equatable, Sendable {
        /// How many of the changesets it includes.
        let count: Int
        let version: ConfigurationVersion
    }

    /// Why a name names nothing.
    indirect enum Trouble: Error, Equatable {
        /// Nothing is called so, or no longer.
        case unknown(String)
        /// Several changesets are.
        case ambiguous(String, [String])
    }

    let history: ChangelogHistory

    /// Of a store that nobody has written to.
    static let empty = ConfigurationTimeline(history: ChangelogHistory())

    /// The configuration that a name stands for.
    func place(named name: String) throws(Trouble) -> Place {
        let isWithout = name.hasSuffix("^")
        let bare = isWithout ? String(name.dropLast()) : name
        let index: Int
        switch bare {
        case "": index = self.history.changesets.count - 1
        case "checkpoint": index = -1
        default: index = try self.index(named: bare)
        }
        let count = index + (isWithout ? 0 : 1)
        guard count >= 0 else { throw .unknown(name) }
        return self.place(count)
    }

    /// The place in the order of the changeset that a name stands for.
    func index(named name: String) throws(Trouble) -> Int {
        let changesets = self.history.changesets
        let digits = name.hasPrefix("g") ? name.dropFirst() : name[...]
        if let index = self.index(hashed: name) { return index }
        let found = changesets.indices.filter { index in
            UInt64(digits).map { $0 == changesets[index].changeset.generation }
                ?? (changesets[index].id.description == name)
        }
        guard let index = found.first else {
            if let generation = UInt64(digits), generation == self.history.startHead.generation {
                return -1
            }
            throw .unknown(name)
        }
        guard found.count == 1 else {
            throw .ambiguous(name, found.map { "\(changesets[$0].id)" })
        }
        return index
    }

    /// The place in the order of the changeset that made the configuration with this hash last; -1
    /// for the checkpoint.
    private func index(hashed hash: String) -> Int? {
        let hashes = self.history.heads.map(\.hash)
        guard let last = hashes.lastIndex(where: { $0.description == hash }) else {
            return self.history.startHead.hash.description == hash ? -1 : nil
        }
        // What follows with the same hash changed nothing.
        let before = hashes[..<last].lastIndex { $0 != hashes[last] }
        return before.map { $0 + 1 } ?? (self.history.startHead.hash == hashes[last] ? -1 : 0)
    }

    /// What a place's configuration is.
    func state(at place: Place) -> MeshChangelog.ConfigurationState {
        guard place.count < self.history.changesets.count else { return self.history.newest }
        guard place.count > 0 else { return self.history.start }
        return self.history.steps[place.count - 1].after
    }

    /// How many changesets came after what a node routes by; `nil` when that is not remembered.
    func lag(of version: ConfigurationVersion) -> Int? {
        let heads = self.history.heads
        if version.hash == (heads.last ?? self.history.startHead).hash.description { return 0 }
        let exact = heads.lastIndex { ConfigurationVersion($0) == version }
        if let index = exact ?? heads.lastIndex(where: { $0.hash.description == version.hash }) {
            return heads.count - 1 - index
        }
        return version.hash == self.history.startHead.hash.description ? heads.count : nil
    }

    /// Whether what a node routes by includes the changeset at a place in the order.
    func does(_ version: ConfigurationVersion, include index: Int) -> Bool {
        guard let lag = self.lag(of: version) else { return false }
        return self.history.heads.count - 1 - lag >= index
    }

    private func place(_ count: Int) -> Place {
        let head = count > 0 ? self.history.heads[count - 1] : self.history.startHead
        return Place(count: count, version: ConfigurationVersion(head))
    }
}

extension MeshChangelog.ConfigurationState {
    /// Keys of the configuration's entities that are not alike in another state, ascending.
    func differingKeys(from other: MeshChangelog.ConfigurationState) -> [String] {
        var keys: [String] = []
        for (key, entity) in self.entities
        where !entity.isAside && other.entities[key]?.hash != entity.hash {
            keys.append(key)
        }
        for (key, entity) in other.entities where !entity.isAside && self.entities[key] == nil {
            keys.append(key)
        }
        return keys.sorted()
    }

    /// The entities with these keys, as they are stored.
    func stored(_ keys: [String]) -> [StoredEntity] {
        keys.compactMap { key in
            self.entities[key].map { StoredEntity(key: key, body: $0.body) }
        }
    }
}
