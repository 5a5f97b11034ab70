/// Deadlines of everything a worker times: links, attempts and exchanges in one wheel.
///
/// A key is a kind and an index, so that one link may carry many timed exchanges, and an attempt is
/// timed apart from the socket it happens to use.
struct Timers {
    /// What is timed.
    enum Kind: UInt8 {
        /// A socket: patience with a client, idle time of a kept connection, a handshake.
        case link
        /// One try at one target: connect, write and read limits.
        case attempt
        /// A request: an answer that is waited for outside of the worker.
        case exchange
    }

    /// Which deadline has passed.
    struct Key: Equatable {
        let kind: Kind
        let index: Int32
    }

    private var wheel: TimerWheel
    private let attemptsStart: Int32
    private let exchangesStart: Int32

    /// Reserves deadlines; `nil` when the system refuses the memory.
    init?(links: Int, attempts: Int, exchanges: Int, now: Int64) {
        guard let wheel = TimerWheel(capacity: links + attempts + exchanges, now: now) else {
            return nil
        }
        self.wheel = wheel
        self.attemptsStart = Int32(links)
        self.exchangesStart = Int32(links + attempts)
    }

    func deallocate() { self.wheel.deallocate() }

    @inline(__always)
    private func place(_ kind: Kind, _ index: Int32) -> Int32 {
        switch kind {
        case .link: index
        case .attempt: self.attemptsStart &+ index
        case .exchange: self.exchangesStart &+ index
        }
    }

    /// Sets a deadline in milliseconds; replaces the one before.
    @inline(__always)
    mutating func set(_ kind: Kind, _ index: Int32, _ deadline: Int64) {
        self.wheel.set(self.place(kind, index), deadline)
    }

    /// Takes a deadline away.
    @inline(__always)
    mutating func clear(_ kind: Kind, _ index: Int32) {
        self.wheel.clear(self.place(kind, index))
    }

    /// Takes out one deadline that has passed; call until it returns `nil`.
    mutating func expired(now: Int64) -> Key? {
        let place = self.wheel.expired(now: now)
        guard place >= 0 else { return nil }
        if place >= self.exchangesStart {
            return Key(kind: .exchange, index: place - self.exchangesStart)
        }
        if place >= self.attemptsStart {
            return Key(kind: .attempt, index: place - self.attemptsStart)
        }
        return Key(kind: .link, index: place)
    }

    /// Milliseconds until something may be due, at most `limit`.
    func wait(now: Int64, limit: Int64) -> Int64 { self.wheel.wait(now: now, limit: limit) }
}
