import MeshEntities

/// What a directory has said of passwords, for some time; under a key that nobody knows, so that no
/// password is kept.
///
/// It is remembered among the marks of all plugins, which are bounded: what finds no room is asked for
/// again.
struct LoginCache: Sendable {
    private let instance: EntityID
    private let ttl: UInt64

    /// What stands for a login that is right, and for one that is wrong.
    struct Marks: Sendable {
        fileprivate let right: PluginMark
        fileprivate let wrong: PluginMark
    }

    /// Remembers for so many milliseconds at most; 0 for nothing.
    init(_ instance: EntityID, milliseconds: UInt64) {
        self.instance = instance
        self.ttl = milliseconds
    }

    /// What stands for a login at an instant, in milliseconds since 1970; nil when nothing is remembered.
    func marks(
        _ name: [UInt8],
        _ password: [UInt8],
        _ shared: PluginShared,
        at now: UInt64
    ) -> Marks? {
        guard self.ttl > 0 else { return nil }
        let mark = { (word: String) in
            PluginMark(
                self.instance,
                "\(word) \(now / self.ttl) \(name.count)",
                name + password,
                secret: shared.secret
            )
        }
        return Marks(right: mark("right"), wrong: mark("wrong"))
    }

    /// What is known of a login; nil for nothing.
    static func isRight(_ marks: Marks?, _ shared: PluginShared) -> Bool? {
        guard let marks else { return nil }
        if shared.memory.contains(marks.right) { return true }
        return shared.memory.contains(marks.wrong) ? false : nil
    }

    /// Remembers what a directory has said.
    static func insert(_ marks: Marks?, _ isRight: Bool, _ shared: PluginShared) {
        guard let marks else { return }
        shared.memory.insert(isRight ? marks.right : marks.wrong)
    }
}
