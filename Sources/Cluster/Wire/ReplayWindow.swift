/// Remembers which of a session's latest 2,048 counters were seen; 264 bytes.
///
/// Source: RFC 6479 (a ring of words instead of a shifted bitmap).
struct ReplayWindow: Equatable, Sendable {
    /// Counters below the highest that are still told apart.
    static let slotCount: UInt64 = 2_048

    private static let wordCount: UInt64 = Self.slotCount / 64 + 1
    private var words = [UInt64](repeating: 0, count: Int(Self.wordCount))
    private var highest: UInt64 = 0
    private var isEmpty = true

    /// Takes note of `counter`.
    ///
    /// Call it only for messages whose seal held: a forged counter must not move the window.
    ///
    /// - Throws: ``WireError/replayed`` or ``WireError/belowWindow``; nothing changes then.
    mutating func admit(_ counter: UInt64) throws(WireError) {
        if self.isEmpty || counter > self.highest {
            self.advance(to: counter)
        } else if self.highest - counter >= Self.slotCount {
            throw .belowWindow
        }
        let (word, bit) = Self.slot(of: counter)
        guard self.words[word] & bit == 0 else { throw .replayed }
        self.words[word] |= bit
    }

    /// Clears the words between the old and the new highest counter.
    private mutating func advance(to counter: UInt64) {
        let first = self.isEmpty ? 0 : self.highest / 64 + 1
        let last = counter / 64
        if self.isEmpty || last - self.highest / 64 >= Self.wordCount {
            for index in self.words.indices { self.words[index] = 0 }
        } else if first <= last {
            for word in first...last { self.words[Int(word % Self.wordCount)] = 0 }
        }
        self.highest = counter
        self.isEmpty = false
    }

    private static func slot(of counter: UInt64) -> (word: Int, bit: UInt64) {
        (Int(counter / 64 % self.wordCount), 1 << (counter % 64))
    }
}
