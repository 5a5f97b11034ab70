/// The first nine bytes of a frame (RFC 9113 section 4.1), and which stream a PRIORITY depends on.
struct FrameHeader: Equatable {
    /// Bytes of the payload.
    let length: Int
    let type: UInt8
    let flags: UInt8
    let stream: UInt32
    /// Only of PRIORITY, which the framing layer is told to ignore.
    let dependency: UInt32
}

/// Finds the frames in what arrives, however it is cut; keeps no payload.
///
/// The framing layer tells nothing of frames that it ignores, but those cost and break rules, too.
struct FrameScanner {
    /// Bytes until the next frame starts.
    private var skipping: Int
    /// What arrived of a header that is cut, 13 bytes at most.
    private var header: (UInt64, UInt64) = (0, 0)
    private var headerCount = 0

    private static let headerByteCount = 9
    private static let priorityByteCount = 13
    /// `PRI * HTTP/2.0`, an empty line, `SM` and another one.
    private static let prefaceByteCount = 24

    /// - Parameter hasPreface: Whether a client's preface comes first.
    init(hasPreface: Bool) { self.skipping = hasPreface ? Self.prefaceByteCount : 0 }

    /// Reads on from `position`, and moves it behind the next frame's header.
    ///
    /// - Returns: The header, or nil when no whole one follows.
    mutating func next(_ octets: OctetView, at position: inout Int) -> FrameHeader? {
        if self.skipping > 0 {
            let skipped = min(self.skipping, octets.count - position)
            self.skipping -= skipped
            position += skipped
        }
        if self.headerCount == 0, let header = self.whole(octets, at: &position) { return header }
        while position < octets.count {
            self.push(octets[position])
            position += 1
            guard self.headerCount >= Self.headerByteCount else { continue }
            let isPriority = self.byte(3) == 2 && self.length >= 4
            if !isPriority || self.headerCount == Self.priorityByteCount {
                return self.finish(isPriority: isPriority)
            }
        }
        return nil
    }

    /// Reads a header that lies in one piece, which is the rule.
    @inline(__always)
    private mutating func whole(_ octets: OctetView, at position: inout Int) -> FrameHeader? {
        guard octets.count - position >= Self.headerByteCount else { return nil }
        let word = octets.word(at: position).byteSwapped
        guard word >> 32 & 255 != 2 else { return nil }
        let stream = UInt32(truncatingIfNeeded: word) << 8 | UInt32(octets[position + 8])
        position += Self.headerByteCount
        self.skipping = Int(word >> 40)
        return FrameHeader(
            length: self.skipping,
            type: UInt8(truncatingIfNeeded: word >> 32),
            flags: UInt8(truncatingIfNeeded: word >> 24),
            stream: stream & 0x7FFF_FFFF,
            dependency: 0
        )
    }

    private mutating func push(_ byte: UInt8) {
        withUnsafeMutableBytes(of: &self.header) { $0[self.headerCount] = byte }
        self.headerCount += 1
    }

    private func byte(_ index: Int) -> UInt8 {
        withUnsafeBytes(of: self.header) { $0[index] }
    }

    private var length: Int {
        Int(self.byte(0)) << 16 | Int(self.byte(1)) << 8 | Int(self.byte(2))
    }

    private func number(at index: Int) -> UInt32 {
        withUnsafeBytes(of: self.header) {
            UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: index, as: UInt32.self))
                & 0x7FFF_FFFF
        }
    }

    private mutating func finish(isPriority: Bool) -> FrameHeader {
        let found = FrameHeader(
            length: self.length,
            type: self.byte(3),
            flags: self.byte(4),
            stream: self.number(at: 5),
            dependency: isPriority ? self.number(at: 9) : 0
        )
        self.skipping = found.length - (isPriority ? 4 : 0)
        self.headerCount = 0
        return found
    }
}
