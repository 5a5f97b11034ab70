public import MeshPrimitives

/// Opens datagrams of all peers, and refuses forgeries, strangers and replays.
///
/// Checks run from cheap to dear: length, magic, version, cluster, key epoch, seal, session, window.
/// Nothing is remembered of a sender before its seal held.
///
/// ## What a replayed datagram can do
///
/// Every start of a node has a higher *boot* number, which its datagrams carry under the seal.
///
/// - Within a session each datagram opens once, and only while it is less than 2,048 datagrams old.
/// - Once this opener has heard a session, all sessions of earlier starts are closed for ever, and
///   so is any second session of the same start.
/// - Not covered: before this opener heard anything of a sender's latest start (after its own
///   restart, or after the sender fell out of the table of ``senderLimit``), a recorded datagram of
///   any session opens once; and a datagram recorded on its way to one node opens once at another.
///   The content must bear that, and does: member updates and records only go forward by
///   incarnation and version, an ack counts only for a probe in flight, and a ping earns one answer
///   of its own size to where it came from.
/// - A node whose disk was put back to an older state shows a boot number that peers refuse. It must
///   count on past its last start, or take a new identity.
public struct DatagramOpener: Sendable {
    /// Senders whose sessions are remembered: 8,192, about 2.5 MB.
    ///
    /// Only holders of a key get in. When full, the one not heard for longest goes.
    public static let senderLimit = 8_192

    private struct Session {
        let salt: Salt
        var epoch: UInt16
        var key: [UInt8]
        var window = ReplayWindow()
        var heard: UInt64 = 0
    }

    private let keys: ClusterKeys
    private let node: NodeID
    private let limit: Int
    private var sessions: [NodeID: Session] = [:]
    private var opened: UInt64 = 0

    /// Creates an opener for `node`, which refuses what comes back to it from itself.
    public init(keys: ClusterKeys, node: NodeID) {
        self.init(keys: keys, node: node, limit: Self.senderLimit)
    }

    init(keys: ClusterKeys, node: NodeID, limit: Int) {
        self.keys = keys
        self.node = node
        self.limit = limit
    }

    /// Opens one datagram as received; may be hostile.
    ///
    /// - Returns: who sealed it, and what.
    /// - Throws: ``WireError``; nothing is remembered then.
    public mutating func open(
        _ datagram: [UInt8]
    ) throws(WireError) -> (sender: NodeID, body: [UInt8]) {
        guard datagram.count <= DatagramSealer.byteLimit else { throw .tooLarge }
        let envelope = try Envelope(parsing: datagram, expecting: .datagram, keys: self.keys)
        guard envelope.sender != self.node else { throw .ownMessage }
        var session = try self.session(of: envelope)
        let body = try envelope.open(datagram, key: session.key)
        try self.checkFreshness(of: envelope)
        try session.window.admit(envelope.counter)
        self.opened += 1
        session.heard = self.opened
        self.remember(session, of: envelope.sender)
        return (envelope.sender, body)
    }

    /// The session the envelope claims to belong to, with the key that must open it.
    private func session(of envelope: Envelope) throws(WireError) -> Session {
        if let known = self.sessions[envelope.sender], known.salt == envelope.salt,
            known.epoch == envelope.epoch
        {
            return known
        }
        let key = try self.keys.datagramKey(
            epoch: envelope.epoch,
            sender: envelope.sender,
            salt: envelope.salt
        )
        guard var known = self.sessions[envelope.sender], known.salt == envelope.salt else {
            return Session(salt: envelope.salt, epoch: envelope.epoch, key: key)
        }
        known.epoch = envelope.epoch
        known.key = key
        return known
    }

    private func checkFreshness(of envelope: Envelope) throws(WireError) {
        guard let known = self.sessions[envelope.sender], known.salt != envelope.salt else {
            return
        }
        guard envelope.salt.boot > known.salt.boot else { throw .staleSession }
    }

    private mutating func remember(_ session: Session, of sender: NodeID) {
        if self.sessions[sender] == nil, self.sessions.count >= self.limit,
            let quietest = self.sessions.min(by: { $0.value.heard < $1.value.heard })
        {
            self.sessions[quietest.key] = nil
        }
        self.sessions[sender] = session
    }
}
