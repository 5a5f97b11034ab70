public import MeshMembership
public import MeshPrimitives

/// Opens datagrams of all peers, and refuses forgeries, strangers and replays.
///
/// Checks run from cheap to dear: length, magic, version, cluster, limit of the source, key epoch, seal,
/// session, window.
/// Nothing is remembered of a sender before its seal held.
///
/// ## What a replayed datagram can do
///
/// Every start of a node has a higher *boot* number, which its datagrams carry under the seal.
///
/// - Within a session each datagram opens once, and only while it is less than 2,048 datagrams old.
/// - A session counts as *proved* once the sender's own record, which it signed, names its start. A
///   proved session closes all of earlier starts for ever; nobody who only holds the key ring can
///   close it. Beside it one session of a later start is open, until its record proves it.
/// - Not covered: before this opener has proof of a sender's latest start, a recorded datagram of an
///   unproved session opens once, and again after another such session took its place; and a datagram
///   recorded on its way to one node opens once at another. The content must bear that, and does:
///   member updates and records only go forward by incarnation and version, an ack counts only for a
///   probe in flight, and a ping earns one answer to where it came from. That carries news only where
///   the member is reached; elsewhere, and where a relay answers, no more than what concerns the sender
///   itself, which may be longer than the ping.
/// - A node whose disk was put back to an older state shows a boot number that peers refuse. Its
///   record, which comes by stream, proves its start all the same.
public struct DatagramOpener: Sendable {
    /// Senders whose sessions are remembered: 16,384, about 5 MB.
    ///
    /// Only holders of a key get in. When full, the one not heard for longest goes.
    public static let senderLimit = 16_384

    private struct Session {
        let salt: Salt
        var epoch: UInt16
        var key: [UInt8]
        var window = ReplayWindow()
    }

    private struct Sender {
        var proved: Session?
        var newer: Session?
        /// The start that the sender's record names.
        var start: Salt?
        var heard: UInt64 = 0

        /// The session of a salt.
        func session(_ salt: Salt) -> Session? {
            if self.proved?.salt == salt { return self.proved }
            return self.newer?.salt == salt ? self.newer : nil
        }
    }

    /// The protocol versions that are read.
    public var versions: WireVersions
    private var keys: ClusterKeys
    private let node: NodeID
    private let limit: Int
    private var senders: [NodeID: Sender] = [:]
    private var opened: UInt64 = 0

    /// Creates an opener for `node`, which refuses what comes back to it from itself.
    public init(keys: ClusterKeys, node: NodeID, versions: WireVersions = .current) {
        self.init(keys: keys, node: node, versions: versions, limit: Self.senderLimit)
    }

    init(keys: ClusterKeys, node: NodeID, versions: WireVersions = .current, limit: Int) {
        self.versions = versions
        self.keys = keys
        self.node = node
        self.limit = limit
    }

    /// Opens one datagram as received; may be hostile.
    ///
    /// - Parameters:
    ///   - datagram: the bytes.
    ///   - isOverLimit: whether its source has sent too much; asked once it looks like one of this mesh.
    /// - Returns: who sealed it, and what.
    /// - Throws: ``WireError``; nothing is remembered then.
    public mutating func open(
        _ datagram: [UInt8],
        unless isOverLimit: () -> Bool = { false }
    ) throws(WireError) -> (sender: NodeID, body: [UInt8]) {
        guard datagram.count <= DatagramSealer.byteLimit else { throw .tooLarge }
        let envelope = try Envelope(
            parsing: datagram,
            expecting: .datagram,
            keys: self.keys,
            versions: self.versions
        )
        guard envelope.sender != self.node else { throw .ownMessage }
        guard !isOverLimit() else { throw .overLimit }
        var session = try self.session(of: envelope)
        let body = try envelope.open(datagram, key: session.key)
        try self.checkFreshness(of: envelope)
        try session.window.admit(envelope.counter)
        self.opened += 1
        self.remember(session, of: envelope.sender)
        return (envelope.sender, body)
    }

    /// Goes on with other keys; what was sealed under a key that is gone opens no more.
    public mutating func replace(_ keys: ClusterKeys) {
        self.keys = keys
        self.senders = self.senders.mapValues { sender in
            var sender = sender
            // Epochs start at 1, so that the key is derived again with the next datagram.
            sender.proved?.epoch = 0
            sender.newer?.epoch = 0
            return sender
        }
    }

    /// Takes in which start of a sender speaks now, on the word of its own signed record.
    public mutating func prove(_ sender: NodeID, _ start: MemberStart) {
        let salt = Salt(start)
        var entry = self.senders[sender] ?? Sender()
        guard entry.start != salt else { return }
        entry.start = salt
        entry.proved = entry.session(salt)
        if let newer = entry.newer, newer.salt == salt || newer.salt.boot <= salt.boot {
            entry.newer = nil
        }
        self.senders[sender] = entry
        self.makeRoom(besides: sender)
    }

    /// The session the envelope claims to belong to, with the key that must open it.
    private func session(of envelope: Envelope) throws(WireError) -> Session {
        let known = self.senders[envelope.sender]?.session(envelope.salt)
        if let known, known.epoch == envelope.epoch { return known }
        let key = try self.keys.datagramKey(
            epoch: envelope.epoch,
            sender: envelope.sender,
            salt: envelope.salt
        )
        guard var known else {
            return Session(salt: envelope.salt, epoch: envelope.epoch, key: key)
        }
        known.epoch = envelope.epoch
        known.key = key
        return known
    }

    private func checkFreshness(of envelope: Envelope) throws(WireError) {
        guard let sender = self.senders[envelope.sender],
            sender.session(envelope.salt) == nil, let start = sender.start,
            start != envelope.salt
        else { return }
        guard envelope.salt.boot > start.boot else { throw .staleSession }
    }

    private mutating func remember(_ session: Session, of id: NodeID) {
        var sender = self.senders[id] ?? Sender()
        sender.heard = self.opened
        if session.salt == sender.start {
            sender.proved = session
        } else {
            sender.newer = session
        }
        self.senders[id] = sender
        self.makeRoom(besides: id)
    }

    private mutating func makeRoom(besides id: NodeID) {
        guard self.senders.count > self.limit,
            let quietest = self.senders.filter({ $0.key != id })
                .min(by: { $0.value.heard < $1.value.heard })
        else { return }
        self.senders[quietest.key] = nil
    }
}
