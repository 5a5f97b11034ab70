public import MeshPrimitives

/// How often and how many host names are looked up.
public struct ResolutionSettings: Equatable, Sendable {
    /// Look-ups under way at once: 16.
    public var parallel = 16
    /// Look-ups begun per second at most, spread by asking for each name less often: 100.
    public var perSecond = 100
    /// Shortest time between two look-ups of a name, whatever its answer allows: 1 s.
    public var shortest = Duration.seconds(1)
    /// Longest time that an answer is believed, whatever it says: 1 h.
    public var longest = Duration.seconds(3_600)
    /// Longest pause after failures in a row; the first is 1 s, each is twice the one before: 30 s.
    public var longestPause = Duration.seconds(30)
    /// When a look-up without answer counts as failed: 15 s.
    public var patience = Duration.seconds(15)
    /// How long the addresses of a name that left the configuration are kept, so that going back
    /// costs no look-up: 10 min.
    public var memory = Duration.seconds(600)

    /// Creates the defaults.
    public init() {}
}

/// What is known of the host names of a configuration, and when each is looked up next.
///
///     due ──> queued ──slot──> asked ──answer──> known, due again when its time is up
///                                └──failure, or nothing in time──> due after a growing pause
///
/// A name without answer keeps the addresses it had. Pure: the shell looks up and brings answers.
public struct ResolutionTable: Sendable {
    /// One look-up; a later one of the same name has a higher number.
    public struct Lookup: Hashable, Sendable {
        /// The name.
        public let host: String
        /// Counts look-ups of this node.
        public let number: UInt64
    }

    /// How a look-up ended.
    public enum Outcome: Equatable, Sendable {
        /// At least one address, and how long they hold.
        case found([HostAddress], timeToLive: Duration)
        /// At least one address of the name itself, but nobody said whether it has SRV records: not
        /// believed of a name that had some.
        case guessed([HostAddress], timeToLive: Duration)
        case failed(String)
    }

    /// What an outcome changes.
    public enum Change: Equatable, Sendable {
        case nothing
        /// The name's addresses.
        case addresses
        /// The first failure after an answer, or the first of all.
        case lost(reason: String)
    }

    private struct Entry {
        var addresses: [HostAddress] = []
        var due: MonotonicInstant
        var isQueued = false
        var number: UInt64 = 0
        /// While asked: when to give up.
        var deadline: MonotonicInstant?
        var failures = 0
        /// When it left the configuration.
        var unwantedSince: MonotonicInstant?
    }

    private let settings: ResolutionSettings
    private var entries: [String: Entry] = [:]
    private var queue: [String] = []
    private var running = 0
    private var number: UInt64 = 0
    private var wantedCount = 0
    /// Rises with every change of an address.
    private(set) var version: UInt64 = 0
    /// When ``wake(at:)`` could do something; may be too early.
    private(set) var nextWake: MonotonicInstant?

    init(settings: ResolutionSettings) { self.settings = settings }

    /// The addresses of all names that ever had an answer, sorted.
    var addresses: [String: [HostAddress]] {
        self.entries.compactMapValues { $0.addresses.isEmpty ? nil : $0.addresses }
    }

    /// Whether a name's last look-up failed.
    func isFailing(_ host: String) -> Bool { (self.entries[host]?.failures ?? 0) > 0 }

    /// Sets the names to keep looking up; new ones are due at once.
    mutating func setHosts(_ hosts: Set<String>, at now: MonotonicInstant) {
        self.wantedCount = hosts.count
        for host in self.entries.keys where !hosts.contains(host) {
            if self.entries[host]?.unwantedSince == nil { self.entries[host]?.unwantedSince = now }
        }
        for host in hosts.sorted() {
            if self.entries[host] == nil {
                self.entries[host] = Entry(due: now)
            } else {
                self.entries[host]?.unwantedSince = nil
            }
        }
        self.queueDue(at: now)
    }

    /// Takes in an outcome; that of a look-up that was given up is ignored.
    mutating func receive(
        _ outcome: Outcome,
        of lookup: Lookup,
        at now: MonotonicInstant
    ) -> Change {
        guard var entry = self.entries[lookup.host], entry.number == lookup.number,
            entry.deadline != nil
        else { return .nothing }
        entry.deadline = nil
        self.running -= 1
        var change = Change.nothing
        switch outcome {
        case .guessed where entry.addresses.contains { $0.service != nil }:
            change = self.fail(&entry, "no answer about its SRV records", at: now)
        case .found(let addresses, let life) where !addresses.isEmpty,
            .guessed(let addresses, let life) where !addresses.isEmpty:
            let sorted = Set(addresses).sorted()
            if sorted != entry.addresses {
                entry.addresses = sorted
                self.version += 1
                change = .addresses
            }
            entry.failures = 0
            entry.due = now.advanced(by: self.age(of: life))
        case .found, .guessed:
            change = self.fail(&entry, "the answer has no address", at: now)
        case .failed(let reason): change = self.fail(&entry, reason, at: now)
        }
        self.entries[lookup.host] = entry
        self.note(entry.due)
        return change
    }

    /// Gives up look-ups that take too long, and queues what is due.
    ///
    /// - Returns: the names given up whose failure is news.
    mutating func wake(at now: MonotonicInstant) -> [(host: String, reason: String)] {
        guard let alarm = self.nextWake, alarm <= now else { return [] }
        self.nextWake = nil
        var lost: [(host: String, reason: String)] = []
        for host in self.entries.keys.sorted() {
            guard var entry = self.entries[host] else { continue }
            if let deadline = entry.deadline, deadline <= now {
                entry.deadline = nil
                self.running -= 1
                if case .lost(let reason) = self.fail(&entry, "no answer in time", at: now) {
                    lost.append((host, reason))
                }
                self.entries[host] = entry
            }
            if let since = entry.unwantedSince, entry.deadline == nil,
                since.advanced(by: self.settings.memory) <= now
            {
                self.entries[host] = nil
            }
        }
        self.queueDue(at: now)
        return lost
    }

    /// Begins as many queued look-ups as there are slots.
    mutating func begin(at now: MonotonicInstant) -> [Lookup] {
        var begun: [Lookup] = []
        while self.running < self.settings.parallel, let host = self.queue.popLast() {
            guard let entry = self.entries[host], entry.isQueued else { continue }
            self.entries[host]?.isQueued = false
            guard entry.unwantedSince == nil else { continue }
            self.number += 1
            self.running += 1
            let deadline = now.advanced(by: self.settings.patience)
            self.entries[host]?.number = self.number
            self.entries[host]?.deadline = deadline
            self.note(deadline)
            begun.append(Lookup(host: host, number: self.number))
        }
        return begun
    }

    private mutating func fail(
        _ entry: inout Entry,
        _ reason: String,
        at now: MonotonicInstant
    ) -> Change {
        let pause = min(
            self.settings.longestPause,
            .seconds(1) * (1 << min(entry.failures, 10))
        )
        entry.failures += 1
        entry.due = now.advanced(by: max(pause, self.floor))
        return entry.failures == 1 ? .lost(reason: reason) : .nothing
    }

    /// Queues in the order of names, so that a run is a function of its inputs.
    private mutating func queueDue(at now: MonotonicInstant) {
        var due: [String] = []
        for (host, entry) in self.entries {
            if let deadline = entry.deadline {
                self.note(deadline)
            } else if let since = entry.unwantedSince {
                self.note(since.advanced(by: self.settings.memory))
            } else if entry.due <= now {
                if !entry.isQueued { due.append(host) }
            } else {
                self.note(entry.due)
            }
        }
        guard !due.isEmpty else { return }
        for host in due { self.entries[host]?.isQueued = true }
        // The queue is taken from its end.
        self.queue = due.sorted(by: >) + self.queue
    }

    private mutating func note(_ instant: MonotonicInstant) {
        self.nextWake = min(self.nextWake ?? instant, instant)
    }

    private func age(of life: Duration) -> Duration {
        min(max(life, self.floor), max(self.settings.longest, self.floor))
    }

    /// Shortest time between two look-ups of a name.
    private var floor: Duration {
        let spread = Duration.milliseconds(1_000 / max(1, self.settings.perSecond))
        return max(self.settings.shortest, spread * self.wantedCount)
    }
}
