import Foundation
import MeshMembership
import MeshPrimitives
import MeshStorage
import MeshWire

/// What the node keeps on disk, opened: identity, boot count, changelog, known members.
struct NodeStore: Sendable {
    /// Where it lies.
    let directory: String
    let database: NodeDatabase
    /// Where what may block on the disk is run.
    let disk = DiskThread()
    let node: NodeID
    /// How many times this node has started, this start included.
    let boot: UInt64

    private static let nodeKey = "node_id"
    private static let bootKey = "boot"

    /// Opens the store in `directory`, creating what is missing, and counts the start.
    ///
    /// - Throws: what the store says about a damaged file or a directory it cannot use.
    init(directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        self.directory = directory
        self.database = try Self.openSecretly(directory + "/meshgate.sqlite")
        if let known = try self.database.text(Self.nodeKey), let node = NodeID(known) {
            self.node = node
        } else {
            var generator = SystemRandomNumberGenerator()
            self.node = NodeID(high: generator.next(), low: generator.next())
            try self.database.setValue(Array(self.node.description.utf8), for: Self.nodeKey)
        }
        let boots = try self.database.text(Self.bootKey).flatMap(UInt64.init) ?? 0
        self.boot = boots + 1
        try self.database.setValue(Array(String(self.boot).utf8), for: Self.bootKey)
    }
}

extension NodeStore {
    /// Closes the records for a successor, after what was given to ``disk`` before.
    ///
    /// - Throws: what the store says.
    func close() throws { try self.database.close() }

    /// Opens the records again, since the successor did not come to serve.
    ///
    /// - Returns: a boot count above the successor's, if it has counted its start; else the own one.
    /// - Throws: what the store says; the records stay closed then.
    func reopen() throws -> UInt64 {
        try self.database.reopen()
        let counted = try self.database.text(Self.bootKey).flatMap(UInt64.init) ?? 0
        guard counted > self.boot else { return self.boot }
        try self.database.setValue(Array(String(counted + 1).utf8), for: Self.bootKey)
        return counted + 1
    }

    /// Opens the records in a file that only its owner can read: it holds keys of certificates.
    ///
    /// SQLite gives its other files the mode of the first. The mask is the process's; nothing else
    /// makes files this early in a start.
    private static func openSecretly(_ path: String) throws -> NodeDatabase {
        let mask = umask(0o077)
        defer { umask(mask) }
        for ending in ["", "-wal", "-shm"] { chmod(path + ending, 0o600) }
        return try NodeDatabase(path: path)
    }

    private static let membersKey = "members"

    /// The members known at the last save, none at first; those of an unreadable save are forgotten.
    func knownMembers() throws -> [MemberUpdate] {
        guard let saved = try self.database.members()[Self.membersKey],
            let messages = try? ClusterMessage.decode(saved, from: self.node),
            case .membership(let message)? = messages.first
        else { return [] }
        return message.updates
    }

    /// Saves members in the form in which they travel.
    func saveKnownMembers(_ members: [MemberUpdate]) throws {
        let message = MembershipMessage(
            kind: .sync,
            sender: self.node,
            senderIncarnation: 0,
            digest: .zero,
            updates: members
        )
        try self.database.saveMembers([Self.membersKey: ClusterMessage.membership(message).encoded])
    }
}

extension NodeDatabase {
    fileprivate func text(_ name: String) throws -> String? {
        try self.value(name).map { String(decoding: $0, as: UTF8.self) }
    }
}
