/// Finds the content in a chunked body, however the bytes arrive (RFC 9112 section 7.1).
///
///     size --digits--> extension? --CRLF--> data --CRLF--> size … 0 --CRLF--> trailers --> ended
///
/// Keeps nothing but its state, so bytes can be given away after each call. The lines of the
/// trailer section are checked and handed out raw; ``TrailerFields`` picks those that may go on.
public struct ChunkedDecoder: Sendable {
    /// What the next bytes are.
    public enum Step: Equatable, Sendable {
        /// All bytes given were taken; the body goes on.
        case needMore
        /// These bytes of the buffer are content; call again.
        case data(Range<Int>)
        /// These bytes are a piece of the trailer section's field lines; call again.
        ///
        /// All pieces together are whole lines with their CRLF, without the empty line that ends
        /// the section; at most 16 KiB of them. None is to be used before `end`.
        case trailer(Range<Int>)
        /// The body ended just before this offset.
        case end(consumed: Int)
        /// The body is refused; close the connection.
        case invalid(HTTPFault)
    }

    private enum State: UInt8, Sendable {
        case sizeStart
        case size
        case chunkExtension
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
        case ended
    }

    /// Most bytes of extensions and trailers in one body: 16 KiB.
    ///
    /// Extensions carry nothing that anybody reads; a flood of them is an attack (CVE-2023-39326).
    private static let overheadByteCount = 16_384
    /// Most digits of a chunk size: 15 hexadecimal digits are 2^60 bytes.
    private static let sizeDigitCount = 15

    private var state: State = .sizeStart
    private var digits: UInt8 = 0
    private var overhead: UInt16 = 0
    private var remaining: UInt64 = 0

    /// Creates a decoder at the start of a body.
    public init() {}

    /// Whether the body has ended.
    public var hasEnded: Bool { self.state == .ended }

    /// Reads on from `position` in `bytes` and moves it behind what was taken.
    public mutating func next(
        _ bytes: UnsafeRawBufferPointer,
        at position: inout Int
    ) -> Step {
        let octets = OctetView(bytes)
        while position < octets.count {
            if self.state == .data {
                let available = UInt64(octets.count - position)
                let count = Int(min(available, self.remaining))
                let range = position..<(position + count)
                self.remaining -= UInt64(count)
                if self.remaining == 0 { self.state = .dataReturn }
                position += count
                return .data(range)
            }
            if self.state == .ended { return .end(consumed: position) }
            if self.isInTrailerLine(octets[position]) { return self.trailer(octets, at: &position) }
            if let fault = self.take(octets[position]) { return .invalid(fault) }
            position += 1
        }
        return self.state == .ended ? .end(consumed: position) : .needMore
    }

    /// Whether a byte belongs to a line of the trailer section rather than to its end.
    @inline(__always)
    private func isInTrailerLine(_ byte: UInt8) -> Bool {
        switch self.state {
        case .trailerName, .trailerValue, .trailerLineFeed: true
        case .trailerStart: byte != Octet.carriageReturn
        case .sizeStart, .size, .chunkExtension, .sizeLineFeed, .data, .dataReturn,
            .dataLineFeed, .lastLineFeed, .ended:
            false
        }
    }

    @inline(never)
    private mutating func trailer(_ octets: OctetView, at position: inout Int) -> Step {
        let start = position
        while position < octets.count, self.isInTrailerLine(octets[position]) {
            if let fault = self.takeTrailer(octets[position]) { return .invalid(fault) }
            position += 1
        }
        return .trailer(start..<position)
    }

    private mutating func take(_ byte: UInt8) -> HTTPFault? {
        switch self.state {
        case .sizeStart, .size: return self.takeSize(byte)
        case .chunkExtension: return self.takeExtension(byte)
        case .sizeLineFeed:
            guard byte == Octet.lineFeed else { return .bareLineEnd }
            self.state = self.remaining == 0 ? .trailerStart : .data
            self.digits = 0
        case .dataReturn:
            guard byte == Octet.carriageReturn else { return .malformedChunk }
            self.state = .dataLineFeed
        case .dataLineFeed:
            guard byte == Octet.lineFeed else { return .malformedChunk }
            self.state = .sizeStart
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed:
            return self.takeTrailer(byte)
        case .data, .ended: break
        }
        return nil
    }

    private mutating func takeSize(_ byte: UInt8) -> HTTPFault? {
        if let digit = Self.hexadecimal(byte) {
            guard self.digits < Self.sizeDigitCount else { return .malformedChunk }
            self.remaining = self.remaining << 4 | UInt64(digit)
            self.digits += 1
            self.state = .size
            return nil
        }
        guard self.state == .size else { return .malformedChunk }
        switch byte {
        case Octet.carriageReturn: self.state = .sizeLineFeed
        case Octet.semicolon: self.state = .chunkExtension
        case Octet.lineFeed: return .bareLineEnd
        default: return .malformedChunk
        }
        return nil
    }

    private mutating func takeExtension(_ byte: UInt8) -> HTTPFault? {
        switch byte {
        case Octet.carriageReturn: self.state = .sizeLineFeed
        case Octet.lineFeed: return .bareLineEnd
        case Octet.tab, 0x20...0x7E, 0x80...0xFF: return self.countOverhead()
        default: return .malformedChunk
        }
        return nil
    }

    private mutating func takeTrailer(_ byte: UInt8) -> HTTPFault? {
        switch (self.state, byte) {
        case (.trailerStart, Octet.carriageReturn): self.state = .lastLineFeed
        case (.trailerStart, Octet.space), (.trailerStart, Octet.tab): return .foldedLine
        case (.trailerName, Octet.colon): self.state = .trailerValue
        case (.trailerStart, _), (.trailerName, _):
            guard OctetView.isTokenByte(byte) else {
                return byte == Octet.lineFeed ? .bareLineEnd : .malformedTrailer
            }
            self.state = .trailerName
        case (.trailerValue, Octet.carriageReturn): self.state = .trailerLineFeed
        case (.trailerValue, Octet.lineFeed): return .bareLineEnd
        case (.trailerValue, _):
            guard byte >= 0x20 && byte != 0x7F || byte == Octet.tab else {
                return .malformedTrailer
            }
        case (.trailerLineFeed, _):
            guard byte == Octet.lineFeed else { return .bareLineEnd }
            self.state = .trailerStart
        default:
            guard byte == Octet.lineFeed else { return .bareLineEnd }
            self.state = .ended
            return nil
        }
        return self.countOverhead()
    }

    private mutating func countOverhead() -> HTTPFault? {
        self.overhead += 1
        return self.overhead > Self.overheadByteCount ? .chunkOverhead : nil
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
