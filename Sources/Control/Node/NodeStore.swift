import Foundation
import MeshActivation
import MeshMembership
import MeshPrimitives
import MeshStorage
import MeshWire

/// What the node keeps on disk, opened: its key, boot count, changelog, known members.
struct NodeStore: Sendable {
    /// Where it lies.
    let directory: String
    let database: NodeDatabase
    /// Where what may block on the disk is run.
    let disk = DiskThread()
    /// The node's key, made with the store; its identity is the hash of the public half.
    let key: NodeKey
    /// How many times this node has started, this start included.
    let boot: UInt64
    /// Which mesh the node belonged to when the store was opened; drawn with a new store.
    let mesh: MeshClaim

    private static let keyName = "node_key"
    private static let ringName = "key_ring"
    private static let bootKey = "boot"
    private static let meshKey = "mesh"

    /// Who the node is.
    var node: NodeID { self.key.identity.node }

    /// Makes the directory that stores and certificates are kept in, when it is not there.
    static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Opens the store in `directory`, creating what is missing, and counts the start.
    ///
    /// - Parameters:
    ///   - directory: where it lies.
    ///   - pinned: the mesh that the node is to be in whatever the store says; `nil`: as stored.
    /// - Throws: what the store says about a damaged file or a directory it cannot use.
    init(directory: String, pinnedTo pinned: MeshID? = nil) throws {
        try Self.makeDirectory(directory)
        self.directory = directory
        self.database = try Self.openSecretly(directory + "/meshgate.sqlite")
        if let seed = try self.database.value(Self.keyName), let key = NodeKey(seed: seed) {
            self.key = key
        } else {
            self.key = .generated()
            try self.database.setValue(self.key.seed, for: Self.keyName)
        }
        let boots = try self.database.text(Self.bootKey).flatMap(UInt64.init) ?? 0
        self.boot = boots + 1
        try self.database.setValue(Array(String(self.boot).utf8), for: Self.bootKey)
        let stored = try self.database.text(Self.meshKey).flatMap(MeshClaim.init(stored:))
        var generator = SystemRandomNumberGenerator()
        let mesh =
            pinned.map { MeshClaim(id: $0, standing: .founded) } ?? stored
            ?? MeshClaim(id: MeshID(generator.next()), standing: .alone)
        self.mesh = mesh
        if mesh != stored { try self.database.setValue(mesh.stored, for: Self.meshKey) }
    }
}

extension MeshClaim {
    /// As it is kept: the identity, and `founded` where it is.
    fileprivate var stored: [UInt8] {
        Array("\(self.id)\(self.standing == .founded ? " founded" : "")".utf8)
    }

    fileprivate init?(stored text: String) {
        let words = text.split(separator: " ")
        guard let id = words.first.flatMap({ MeshID(String($0)) }) else { return nil }
        self.init(id: id, standing: words.last == "founded" ? .founded : .alone)
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

    /// Keeps a key ring that was changed in the running mesh; returns at once.
    func save(_ ring: KeyRing) {
        let database = self.database
        let document = ring.document
        self.disk.enqueue { try? database.setValue(document, for: Self.ringName) }
    }

    /// The ring to start with: the one that was changed in the running mesh, unless the file is newer.
    func keyRing(file: KeyRing) throws -> KeyRing {
        guard let document = try self.database.value(Self.ringName),
            let running = KeyRing(document: document), !file.isReplacement(for: running)
        else { return file }
        return running
    }

    /// Makes the next start count on from `boot` at least; returns at once.
    func saveBoot(_ boot: UInt64) {
        let database = self.database
        self.disk.enqueue {
            // A disk that fails now is told by everything else that is saved.
            guard let text = try? database.text(Self.bootKey), UInt64(text) ?? 0 < boot else {
                return
            }
            try? database.setValue(Array(String(boot).utf8), for: Self.bootKey)
        }
    }

    /// Keeps which mesh the node belongs to; returns at once.
    func save(_ mesh: MeshClaim) {
        let database = self.database
        self.disk.enqueue { try? database.setValue(mesh.stored, for: Self.meshKey) }
    }

    /// The members known at the last save, none at first; those of an unreadable save are forgotten.
    ///
    /// - Parameter wallMilliseconds: now; what is gone has been gone for the time since the save, too.
    /// - Returns: what a membership restores.
    /// - Throws: when the store is damaged.
    func knownMembers(wallMilliseconds: UInt64) throws -> [MemberUpdate] {
        guard let saved = try self.database.members()[Self.membersKey] else { return [] }
        var reader = ByteReader(saved)
        guard let savedAt = try? reader.read(UInt64.self),
            let body = try? reader.read(count: reader.remaining),
            let messages = try? ClusterMessage.decode(Array(body), from: self.node),
            case .membership(let message)? = messages.first
        else { return [] }
        let away = wallMilliseconds > savedAt ? (wallMilliseconds - savedAt) / 1_000 : 0
        return message.updates.map { $0.aged(by: UInt32(clamping: away)) }
    }

    /// Saves members in the form in which they travel.
    func saveKnownMembers(_ members: [MemberUpdate], wallMilliseconds: UInt64) throws {
        let message = MembershipMessage(
            kind: .sync,
            sender: self.node,
            senderIncarnation: 0,
            digest: .zero,
            mesh: self.mesh,
            updates: members
        )
        var writer = ByteWriter(capacity: 1_024)
        writer.write(wallMilliseconds)
        writer.append(contentsOf: ClusterMessage.membership(message).encoded)
        try self.database.saveMembers([Self.membersKey: writer.bytes])
    }
}

extension NodeDatabase {
    fileprivate func text(_ name: String) throws -> String? {
        try self.value(name).map { String(decoding: $0, as: UTF8.self) }
    }
}
