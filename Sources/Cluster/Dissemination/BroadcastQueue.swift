/// News on its way to everybody.
public protocol BroadcastItem: Sendable {
    /// What the news is about.
    associatedtype Subject: Hashable, Sendable
    /// What it is about; a newer item takes the place of older ones of its subject.
    var subject: Subject { get }
    /// Bytes it takes in a message.
    var wireByteCount: Int { get }
    /// Whether this item, which comes later, makes an older one of the same subject superfluous.
    func replaces(_ older: Self) -> Bool
}

extension BroadcastItem {
    /// True: of one subject the newest counts.
    @inlinable
    public func replaces(_ older: Self) -> Bool { true }
}

/// How soon news must travel.
public enum BroadcastUrgency: UInt8, Comparable, Sendable {
    /// With what is sent anyway.
    case normal
    /// Before everything that is not urgent.
    case urgent

    /// Orders by urgency, the urgent last.
    @inlinable
    public static func < (left: BroadcastUrgency, right: BroadcastUrgency) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// How often each node passes one piece of news on.
public enum SendLimit {
    /// `multiplier × ⌈log10(count + 1)⌉`, at least `multiplier`: memberlist's retransmit limit.
    ///
    /// - Parameters:
    ///   - multiplier: 4 reaches everybody at 30 % loss among 1,000 nodes.
    ///   - count: nodes that are there, the own one included.
    /// - Returns: sends of one item by one node.
    public static func times(_ multiplier: Int, among count: Int) -> Int {
        var digits = 1
        var rest = max(0, count) / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        return multiplier * digits
    }
}

/// News to pass on, each piece a bounded number of times: the urgent first, of those what was sent
/// least, of those the newest.
///
/// Keyed by subject, so it grows with what changes and not with the messages about it. Inserting and
/// taking cost a dictionary look-up per item; nothing is sorted.
public struct BroadcastQueue<Item: BroadcastItem>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline let item: Item
        @usableFromInline let urgency: BroadcastUrgency
        @usableFromInline let isBulk: Bool
        @usableFromInline var sentCount = 0

        @usableFromInline
        init(item: Item, urgency: BroadcastUrgency, isBulk: Bool) {
            self.item = item
            self.urgency = urgency
            self.isBulk = isBulk
        }
    }

    /// Items that do not fit are passed over at most so often in one ``take(fitting:sendLimit:)``.
    @usableFromInline static var overlookLimit: Int { 64 }

    /// Most items that wait.
    public let limit: Int
    @usableFromInline var entries: [UInt64: Entry] = [:]
    @usableFromInline var numbers: [Item.Subject: [UInt64]] = [:]
    /// The numbers of the items sent so often, newest last; numbers that are gone are passed over.
    @usableFromInline var urgentTiers: [[UInt64]] = []
    @usableFromInline var normalTiers: [[UInt64]] = []
    @usableFromInline var nextNumber: UInt64 = 0
    @usableFromInline var urgentCount = 0
    @usableFromInline var overflows: UInt64 = 0
    /// Numbers in tiers whose items are gone, at most.
    @usableFromInline var gone = 0

    /// Creates an empty queue of at most `limit` items; at least 1.
    @inlinable
    public init(limit: Int) { self.limit = max(1, limit) }

    /// Whether nothing waits.
    @inlinable public var isEmpty: Bool { self.entries.isEmpty }
    /// Items that wait.
    @inlinable public var count: Int { self.entries.count }
    /// Items that made room for others before they were sent often enough.
    @inlinable public var overflowCount: UInt64 { self.overflows }
    /// Whether something urgent waits.
    @inlinable public var hasUrgent: Bool { self.urgentCount > 0 }

    /// The items of a subject, oldest first.
    @inlinable
    public func items(of subject: Item.Subject) -> [Item] {
        (self.numbers[subject] ?? []).compactMap { self.entries[$0]?.item }
    }

    /// Adds an item in place of those it replaces.
    ///
    /// When full, the item that was sent most often makes room, the least urgent first: anti-entropy
    /// brings what is lost by that.
    ///
    /// - Parameters:
    ///   - item: the news.
    ///   - urgency: how soon it must travel.
    ///   - isBulk: whether it may be sent fewer times while there is much of its kind.
    @inlinable
    public mutating func insert(
        _ item: Item,
        urgency: BroadcastUrgency = .normal,
        isBulk: Bool = false
    ) {
        for number in self.numbers[item.subject] ?? [] {
            if let old = self.entries[number], item.replaces(old.item) { self.drop(number) }
        }
        if self.entries.count >= self.limit { self.makeRoom() }
        self.nextNumber &+= 1
        self.entries[self.nextNumber] = Entry(item: item, urgency: urgency, isBulk: isBulk)
        self.numbers[item.subject, default: []].append(self.nextNumber)
        if urgency == .urgent { self.urgentCount += 1 }
        self.place(self.nextNumber, sent: 0, urgency)
    }

    /// Drops everything about a subject.
    @inlinable
    public mutating func remove(_ subject: Item.Subject) {
        for number in self.numbers[subject] ?? [] { self.drop(number) }
    }

    /// Counts the items of a subject as sent so many times more, since others send them too.
    ///
    /// Source: rumour mongering with feedback and counter, Demers et al. 1987, section 1.4.
    @inlinable
    public mutating func discount(_ subject: Item.Subject, by times: Int, sendLimit: Int) {
        for number in self.numbers[subject] ?? [] {
            guard let sentCount = self.entries[number]?.sentCount else { continue }
            if sentCount + times >= sendLimit {
                self.drop(number)
            } else {
                self.entries[number]?.sentCount = sentCount + times
            }
        }
    }

    /// Takes what one message holds and counts it as sent.
    ///
    /// - Parameters:
    ///   - byteCount: room, exactly.
    ///   - sendLimit: an item that was sent so often leaves the queue.
    ///   - bulkLimit: the same for bulk (`sendLimit`).
    ///   - least: takes only what is at least so urgent.
    ///   - skipped: subjects that the message holds already.
    /// - Returns: the items, in the order they deserve.
    @inlinable
    public mutating func take(
        fitting byteCount: Int,
        sendLimit: Int,
        bulkLimit: Int? = nil,
        atLeast least: BroadcastUrgency = .normal,
        skipping skipped: Set<Item.Subject> = []
    ) -> [Item] {
        guard !self.entries.isEmpty, byteCount > 0 else { return [] }
        var room = byteCount
        var overlooked = 0
        var taken: [UInt64] = []
        Self.gather(self.entries, skipped, &self.urgentTiers, &taken, &room, &overlooked)
        if least == .normal {
            Self.gather(self.entries, skipped, &self.normalTiers, &taken, &room, &overlooked)
        }
        return taken.compactMap { number in
            guard var entry = self.entries[number] else { return nil }
            entry.sentCount += 1
            if entry.sentCount >= (entry.isBulk ? bulkLimit ?? sendLimit : sendLimit) {
                self.drop(number)
            } else {
                self.entries[number] = entry
                self.place(number, sent: entry.sentCount, entry.urgency)
            }
            return entry.item
        }
    }

    /// Takes numbers that fit out of their tiers, and clears those tiers of what is gone.
    @inlinable
    static func gather(
        _ entries: [UInt64: Entry],
        _ skipped: Set<Item.Subject>,
        _ tiers: inout [[UInt64]],
        _ taken: inout [UInt64],
        _ room: inout Int,
        _ overlooked: inout Int
    ) {
        for tier in tiers.indices {
            var kept: [UInt64] = []
            while overlooked < Self.overlookLimit, let number = tiers[tier].popLast() {
                guard let entry = entries[number] else { continue }
                if skipped.contains(entry.item.subject) {
                    kept.append(number)
                } else if entry.item.wireByteCount <= room {
                    room -= entry.item.wireByteCount
                    taken.append(number)
                } else {
                    overlooked += 1
                    kept.append(number)
                }
            }
            tiers[tier].append(contentsOf: kept.reversed())
        }
    }

    @inlinable
    mutating func place(_ number: UInt64, sent: Int, _ urgency: BroadcastUrgency) {
        switch urgency {
        case .urgent: Self.append(number, to: &self.urgentTiers, at: sent)
        case .normal: Self.append(number, to: &self.normalTiers, at: sent)
        }
    }

    @inlinable
    static func append(_ number: UInt64, to tiers: inout [[UInt64]], at tier: Int) {
        while tiers.count <= tier { tiers.append([]) }
        tiers[tier].append(number)
    }

    @inlinable
    mutating func drop(_ number: UInt64) {
        guard let entry = self.entries.removeValue(forKey: number) else { return }
        if entry.urgency == .urgent { self.urgentCount -= 1 }
        self.numbers[entry.item.subject]?.removeAll { $0 == number }
        if self.numbers[entry.item.subject]?.isEmpty == true {
            self.numbers[entry.item.subject] = nil
        }
        self.gone += 1
        if self.gone > self.limit { self.clear() }
    }

    /// Takes numbers whose items are gone out of all tiers.
    @inlinable
    mutating func clear() {
        self.gone = 0
        for tier in self.urgentTiers.indices {
            self.urgentTiers[tier].removeAll { self.entries[$0] == nil }
        }
        for tier in self.normalTiers.indices {
            self.normalTiers[tier].removeAll { self.entries[$0] == nil }
        }
    }

    /// Drops the item sent most often, of the least urgent there are; the oldest of those.
    @inlinable
    mutating func makeRoom() {
        for tiers in [self.normalTiers, self.urgentTiers] {
            for tier in tiers.reversed() {
                if let victim = tier.first(where: { self.entries[$0] != nil }) {
                    self.overflows += 1
                    return self.drop(victim)
                }
            }
        }
    }
}
