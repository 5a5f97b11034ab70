/// Texts found in constant time, however many there are; made once, then read by all workers.
///
/// Open addressing over hashes that are keyed per process, so that nobody can choose texts that
/// collide, and nothing can be learned from how long a search takes: where a search ends depends on
/// the keyed hash alone, and texts are compared whole.
struct KeyTable: Sendable {
    /// Where a text is, and enough of its hash to pass over most others.
    struct Slot {
        var hash: UInt32 = 0
        /// The text's number plus 1; 0 for an empty slot.
        var number: UInt32 = 0
        /// Which of the bytes are the text.
        var text: Range<UInt32> = 0..<0
    }

    let slots: [Slot]
    /// All texts, one after the other.
    private let bytes: [UInt8]

    /// Makes a table; of equal texts the first is found.
    init<Texts: Collection>(_ texts: Texts) where Texts.Element == String {
        var size = 8
        while size < texts.count * 2 { size *= 2 }
        var slots = [Slot](repeating: Slot(), count: size)
        var bytes: [UInt8] = []
        for (index, text) in texts.enumerated() {
            let start = bytes.count
            bytes.append(contentsOf: text.utf8)
            let hash = bytes.withUnsafeBytes {
                Self.hash(UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[slot].number != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Slot(
                hash: UInt32(truncatingIfNeeded: hash >> 32),
                number: UInt32(index + 1),
                text: UInt32(start)..<UInt32(bytes.count)
            )
        }
        self.slots = slots
        self.bytes = bytes
    }

    /// The number of a text; nil when it is not in the table.
    func number(of text: UnsafeRawBufferPointer) -> Int? {
        let hash = Self.hash(text)
        var index = Int(truncatingIfNeeded: hash) & (self.slots.count - 1)
        while true {
            let slot = self.slots[index]
            guard slot.number != 0 else { return nil }
            if slot.hash == UInt32(truncatingIfNeeded: hash >> 32), self.holds(text, in: slot) {
                return Int(slot.number) - 1
            }
            index = (index + 1) & (self.slots.count - 1)
        }
    }

    private func holds(_ text: UnsafeRawBufferPointer, in slot: Slot) -> Bool {
        let range = Int(slot.text.lowerBound)..<Int(slot.text.upperBound)
        return self.bytes.withUnsafeBytes { all in
            ConstantTime.areEqual(UnsafeRawBufferPointer(rebasing: all[range]), text)
        }
    }

    private static func hash(_ text: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: text)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// Comparison whose duration says nothing about what is compared, its length left aside.
enum ConstantTime {
    static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt64 = 0
        var index = 0
        while left.count - index >= 8 {
            difference |=
                left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                ^ right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < left.count {
            difference |= UInt64(left[index] ^ right[index])
            index += 1
        }
        return difference == 0
    }

    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { Self.areEqual(left, $0) } }
    }
}
