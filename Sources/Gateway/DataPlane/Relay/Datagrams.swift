internal import CMeshSystem
internal import MeshBalancing

/// The sockets of one worker on which clients send datagrams, and its sessions.
///
/// A session is what a client and an address of ours have exchanged without a pause: it has a target
/// and a socket of its own towards it. Nothing tells its end but silence, so that their number is
/// bounded: when there is no place, the one that was silent for longest ends.
struct Datagrams {
    /// Which client sends to which address of ours.
    struct Key: Hashable {
        let listener: Int32
        let client: mesh_address
        let local: mesh_address

        static func == (left: Key, right: Key) -> Bool {
            left.listener == right.listener && left.client.low == right.client.low
                && left.client.high == right.client.high
                && left.client.port == right.client.port
                && left.local.low == right.local.low && left.local.high == right.local.high
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(self.listener)
            hasher.combine(self.client.high)
            hasher.combine(self.client.low)
            hasher.combine(self.client.port)
            hasher.combine(self.local.high)
            hasher.combine(self.local.low)
        }
    }

    /// One client's datagrams.
    struct Session {
        /// 32 digits, for the log; stands first, where it is read from.
        let requestID: (UInt64, UInt64, UInt64, UInt64)
        let key: Key
        /// The view it began on, which it holds.
        let view: UnsafeMutablePointer<SnapshotView>
        let route: Int32
        /// Tells its events from those of the one before in its place.
        let generation: UInt32
        /// Nanoseconds.
        let begunAt: Int64
        /// Milliseconds of silence that end it.
        let idleLimit: Int64
        var target: Int32 = -1
        /// The socket to the target; -1 while there is none.
        var descriptor: Int32 = -1
        /// Targets that refused since one answered.
        var tried = TriedTargets()
        var tries: UInt64 = 0
        /// When the target was chosen; nanoseconds.
        var attemptAt: Int64 = 0
        /// Whether the target at hand has answered.
        var isAnswered = false
        /// How long the first answer of all took; -1 before it.
        var waited: Int64 = -1
        var received: UInt64 = 0
        var returned: UInt64 = 0
        var failure = ProxyFailure.none
        /// Neighbours in the order of silence.
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    /// Marks tokens of epoll that belong here, together with the mark of listeners.
    static let token = UInt64(1) << 62
    /// Marks sessions among them; 29 bits of generation and 32 of index follow.
    private static let sessionToken = UInt64(1) << 61
    private static let generations: UInt32 = (1 << 29) - 1
    /// Most sessions of one worker.
    static let capacity = 10_000
    /// Datagrams of one socket before others get their turn.
    static let batch = 64
    /// Room for the longest datagram.
    static let limit = 65_536

    /// What becomes of datagrams of clients.
    enum Stage {
        case open
        /// Those of sessions are passed on, others dropped.
        case refusing
        /// They stay in the kernel, for who reads the sockets after this process.
        case left
    }

    /// By listener; empty after draining.
    var listeners: [Int32]
    var stage = Stage.open
    /// By listener, set when it is opened.
    var ports: [UInt16] = []
    private(set) var sessions: Slab<Session>
    private var places: [Key: Int32] = [:]
    private var wheel: TimerWheel
    private var generation: UInt32 = 0
    /// Who was silent for longest; -1 when there is nobody.
    private(set) var oldest: Int32 = -1
    private var newest: Int32 = -1

    /// Reserves room; `nil` when the system refuses.
    init?(_ listeners: [Int32], now: Int64) {
        guard let sessions = Slab<Session>(capacity: Self.capacity),
            let wheel = TimerWheel(capacity: Self.capacity, now: now)
        else { return nil }
        self.listeners = listeners
        self.sessions = sessions
        self.wheel = wheel
    }

    func deallocate() {
        self.sessions.deallocate()
        self.wheel.deallocate()
    }

    /// Where a client's session is; -1 when it has none.
    @inline(__always)
    func find(_ key: Key) -> Int32 { self.places[key] ?? -1 }

    /// The next generation, for a new session.
    mutating func nextGeneration() -> UInt32 {
        self.generation = (self.generation &+ 1) & Self.generations
        return self.generation
    }

    /// Takes a session in as the newest; -1 when all places are taken.
    mutating func insert(_ session: Session) -> Int32 {
        let place = self.sessions.take()
        guard place >= 0 else { return -1 }
        self.sessions[place].initialize(to: session)
        self.places[session.key] = place
        self.append(place)
        return place
    }

    /// Forgets a session.
    mutating func remove(_ place: Int32) {
        self.places[self.sessions[place].pointee.key] = nil
        self.detach(place)
        self.wheel.clear(place)
        self.sessions.giveBack(place)
    }

    /// A datagram passed: the session is the newest and has until `deadline`, in milliseconds.
    @inline(__always)
    mutating func touch(_ place: Int32, deadline: Int64) {
        self.wheel.set(place, deadline)
        guard place != self.newest else { return }
        self.detach(place)
        self.append(place)
    }

    /// Gives a session another deadline, in milliseconds.
    mutating func setDeadline(_ place: Int32, _ deadline: Int64) { self.wheel.set(place, deadline) }

    private mutating func append(_ place: Int32) {
        self.sessions[place].pointee.older = self.newest
        self.sessions[place].pointee.newer = -1
        if self.newest >= 0 { self.sessions[self.newest].pointee.newer = place }
        if self.oldest < 0 { self.oldest = place }
        self.newest = place
    }

    private mutating func detach(_ place: Int32) {
        let (older, newer) = (
            self.sessions[place].pointee.older, self.sessions[place].pointee.newer
        )
        if older >= 0 { self.sessions[older].pointee.newer = newer } else { self.oldest = newer }
        if newer >= 0 { self.sessions[newer].pointee.older = older } else { self.newest = older }
    }

    /// A session whose deadline has passed; -1 when there is none.
    mutating func expired(now: Int64) -> Int32 { self.wheel.expired(now: now) }

    /// Milliseconds until something may be due, at most `limit`.
    func wait(now: Int64, limit: Int64) -> Int64 { self.wheel.wait(now: now, limit: limit) }

    /// The token of a session's socket.
    func token(_ place: Int32) -> UInt64 {
        let generation = UInt64(self.sessions[place].pointee.generation)
        return Self.sessionToken | generation << 32 | UInt64(UInt32(bitPattern: place))
    }

    /// Which session a token is of; -1 for one that has ended, `nil` for a listener's token.
    func session(_ token: UInt64) -> Int32? {
        guard token & Self.sessionToken != 0 else { return nil }
        let place = Int32(truncatingIfNeeded: token)
        let generation = UInt32(truncatingIfNeeded: token >> 32) & Self.generations
        let session = self.sessions[place].pointee
        return session.generation == generation && session.descriptor >= 0 ? place : -1
    }
}
