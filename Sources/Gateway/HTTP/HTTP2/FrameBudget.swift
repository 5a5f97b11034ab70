/// How many frames of one kind a peer may still send: a token bucket that starts full.
struct FrameBudget {
    private let capacity: UInt64
    private let span: UInt64
    /// Tokens times ``span``, so that refilling needs no fractions.
    private var credit: UInt64
    private var refilledAt: UInt64?

    /// - Parameters:
    ///   - capacity: Most frames at once.
    ///   - milliseconds: Time in which an empty bucket fills.
    init(capacity: UInt32, milliseconds: UInt64) {
        self.capacity = UInt64(capacity)
        self.span = max(1, min(milliseconds, 1 << 31))
        self.credit = self.capacity * self.span
    }

    /// Pays for one frame; `false` when the budget is used up.
    mutating func take(now: UInt64) -> Bool {
        if let refilledAt = self.refilledAt, now > refilledAt {
            let elapsed = min(now - refilledAt, self.span)
            self.credit = min(self.credit + elapsed * self.capacity, self.capacity * self.span)
        }
        self.refilledAt = max(now, self.refilledAt ?? now)
        guard self.credit >= self.span else { return false }
        self.credit -= self.span
        return true
    }

    /// Adds what useful frames earn, up to the capacity.
    mutating func earn(_ frames: UInt64) {
        self.credit = min(self.credit + frames * self.span, self.capacity * self.span)
    }
}

/// The budgets of one connection.
struct FrameBudgets {
    var resets: FrameBudget
    var pings: FrameBudget
    var settings: FrameBudget
    var priorities: FrameBudget
    var windowUpdates: FrameBudget
    var emptyFrames: FrameBudget
    var unknownFrames: FrameBudget

    init(_ limits: HTTP2Limits) {
        let span = limits.budgetMilliseconds
        self.resets = FrameBudget(capacity: limits.resets, milliseconds: span)
        self.pings = FrameBudget(capacity: limits.pings, milliseconds: span)
        self.settings = FrameBudget(capacity: limits.settings, milliseconds: span)
        self.priorities = FrameBudget(capacity: limits.priorities, milliseconds: span)
        self.windowUpdates = FrameBudget(capacity: limits.windowUpdates, milliseconds: span)
        self.emptyFrames = FrameBudget(capacity: limits.emptyFrames, milliseconds: span)
        self.unknownFrames = FrameBudget(capacity: limits.unknownFrames, milliseconds: span)
    }

    /// A stream was opened.
    mutating func earnStream() {
        self.priorities.earn(10)
        self.windowUpdates.earn(5)
    }

    /// A DATA frame with content was sent.
    mutating func earnDataSent() {
        self.pings.earn(1)
        self.windowUpdates.earn(10)
    }

    /// Content was received.
    mutating func earnDataReceived() {
        self.pings.earn(1)
        self.emptyFrames.earn(1)
    }
}
