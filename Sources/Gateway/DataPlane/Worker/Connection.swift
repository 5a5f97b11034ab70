internal import CMeshSystem

/// One socket of a worker: about 150 bytes, and blocks only while bytes wait.
struct Connection {
    /// What the socket is for.
    enum Role: UInt8 {
        /// The place is not in use.
        case free
        /// A client, between requests or in one.
        case client
        /// A client that was answered; what it still sends is thrown away.
        case lingering
        /// A target that is being connected to.
        case connecting
        /// A target that serves an exchange.
        case upstream
        /// A target's connection kept for the next request.
        case idleUpstream
    }

    /// What is known of the socket.
    struct Flags: OptionSet {
        let rawValue: UInt8
        /// There may be input.
        static let readable = Flags(rawValue: 1)
        /// The peer has finished writing, so a short read does not mean that input is drained.
        static let peerClosed = Flags(rawValue: 2)
        /// What waits in ``Connection/input`` is known to be part of a head only.
        static let headIncomplete = Flags(rawValue: 4)
        /// Close as soon as the output is written.
        static let closesWhenWritten = Flags(rawValue: 8)
        /// It is on the list of clients to look at after the current event.
        static let isPending = Flags(rawValue: 16)
        /// Then linger instead of closing.
        static let lingersWhenWritten = Flags(rawValue: 32)
    }

    var descriptor: Int32
    /// Rises whenever the place is given back, so that old events find nobody.
    var generation: UInt32
    var role: Role
    var flags: Flags
    /// The listener's port, for clients.
    var port: UInt16
    /// Index of the exchange, or -1.
    var exchange: Int32
    /// Index of the pool, for targets.
    var pool: Int32
    /// Neighbours among a pool's idle connections, or -1.
    var next: Int32
    var previous: Int32
    /// Bytes of a partial head that came since it was last read; see ``Worker/isWorthReading(_:_:)``.
    var unread: Int32
    /// Requests begun on it.
    var requests: UInt32
    /// Nanoseconds: when the first byte of the head at hand came.
    var since: Int64
    var address: mesh_address
    /// Input that could not be used yet: a partial head, or the next pipelined request.
    var input: BlockQueue
    /// Output that the peer did not take yet.
    var output: BlockQueue

    init(descriptor: Int32, generation: UInt32, role: Role) {
        self.descriptor = descriptor
        self.generation = generation
        self.role = role
        self.flags = []
        self.port = 0
        self.exchange = -1
        self.pool = -1
        self.next = -1
        self.previous = -1
        self.unread = 0
        self.requests = 0
        self.since = 0
        self.address = mesh_address()
        self.input = BlockQueue()
        self.output = BlockQueue()
    }
}
