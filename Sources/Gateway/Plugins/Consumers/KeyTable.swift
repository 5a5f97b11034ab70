/// Texts found in constant time, however many there are; made once, then read by all workers.
///
/// Open addressing over hashes that are keyed per process, so that nobody can choose texts that
/// collide, and nothing can be learned from how long a search takes: where a search ends depends on
/// the keyed hash alone, and texts are compared whole.
struct KeyTable: Sendable {
    /// By slot: 32 bits of hash above the text's number plus 1; 0 for an empty slot.
    private let slots: [UInt64]
    /// All texts, one after the other.
    private let bytes: [UInt8]
    /// By number: where the text begins; one more at the end.
    private let starts: [Int]

    /// Makes a table; of equal texts the first is found.
    init<Texts: Collection>(_ texts: Texts) where Texts.Element == String {
        var bytes: [UInt8] = []
        var starts: [Int] = [0]
        starts.reserveCapacity(texts.count + 1)
        for text in texts {
            bytes.append(contentsOf: text.utf8)
            starts.append(bytes.count)
        }
        var size = 8
        while size < texts.count * 2 { size *= 2 }
        var slots = [UInt64](repeating: 0, count: size)
        bytes.withUnsafeBytes { all in
            for number in 0..<(starts.count - 1) {
                let range = starts[number]..<starts[number + 1]
                let hash = Self.hash(UnsafeRawBufferPointer(rebasing: all[range]))
                var slot = Int(truncatingIfNeeded: hash) & (size - 1)
                while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
                slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(number + 1)
            }
        }
        self.slots = slots
        self.bytes = bytes
        self.starts = starts
    }

    /// The number of a text; nil when it is not in the table.
    func number(of text: UnsafeRawBufferPointer) -> Int? {
        let hash = Self.hash(text)
        var slot = Int(truncatingIfNeeded: hash) & (self.slots.count - 1)
        while true {
            let found = self.slots[slot]
            guard found != 0 else { return nil }
            let number = Int(found & 0xFFFF_FFFF) - 1
            if found >> 32 == hash >> 32, self.holds(text, at: number) { return number }
            slot = (slot + 1) & (self.slots.count - 1)
        }
    }

    private func holds(_ text: UnsafeRawBufferPointer, at number: Int) -> Bool {
        let range = self.starts[number]..<self.starts[number + 1]
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
