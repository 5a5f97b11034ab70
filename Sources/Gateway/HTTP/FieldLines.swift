internal import CMeshSystem

/// The field lines of one head, cut into names and values; what they mean is ``FieldBlock``'s.
///
/// What nearly all lines are is read by `mesh_read_lines`; the rest, and whatever is wrong, here.
struct FieldLines {
    /// Longest field line; HAProxy's limit, too.
    private static let lineByteCount = 16_384

    /// How many of the first lines have a bit in ``known``.
    static let knownLimit = 64

    private(set) var count = 0
    private(set) var end = 0
    /// Which of the first lines may have a name of a known kind, by first letter and length.
    private(set) var known: UInt64 = 0

    /// Reads lines from `start` up to and with the empty one; each field's kind is `other`.
    @inline(__always)
    mutating func read(
        _ octets: OctetView,
        from start: Int,
        into fields: HeaderFieldBuffer,
        limit: Int
    ) -> FieldBlock.Outcome {
        let most = min(limit, fields.capacity)
        var count = 0
        var at = start
        while octets.has(at) {
            self.readOrdinary(octets, &at, into: fields, &count, most)
            guard octets.has(at) else { return .incomplete }
            guard octets[at] != Octet.carriageReturn else {
                self.count = count
                return self.close(octets, at)
            }
            // `name ":" OWS value OWS CRLF` (RFC 9112 section 5).
            let colon = octets.endOfToken(from: at)
            guard octets.has(colon) else { return Self.incomplete(octets, at) }
            guard octets[colon] == Octet.colon, colon > at else {
                return .invalid(Self.nameFault(octets[at], first: colon == at))
            }
            let valueEnd = octets.endOfFieldValue(from: colon &+ 1)
            guard octets.isLineEnd(valueEnd) else {
                return Self.endFault(octets, valueEnd) ?? Self.incomplete(octets, at)
            }
            let lineEnd = valueEnd &+ 2
            guard lineEnd &- at <= Self.lineByteCount else { return .invalid(.headTooLarge) }
            guard count < most else { return .invalid(.tooManyFields) }
            fields[count] = HeaderField(
                name: ByteRange(start: at, count: colon &- at),
                value: octets.trimmed(colon &+ 1, valueEnd),
                lineEnd: lineEnd,
                kind: .other
            )
            if count < Self.knownLimit, mesh_may_be_known(octets[at], colon &- at) != 0 {
                self.known |= 1 &<< UInt64(count)
            }
            count &+= 1
            at = lineEnd
        }
        return .incomplete
    }

    /// Reads lines at once up to the first that is out of the ordinary.
    @inline(__always)
    private mutating func readOrdinary(
        _ octets: OctetView,
        _ at: inout Int,
        into fields: HeaderFieldBuffer,
        _ count: inout Int,
        _ most: Int
    ) {
        let end = min(most, Self.knownLimit)
        guard count < end else { return }
        let read = octets.readLines(
            from: at,
            limit: Self.lineByteCount,
            into: fields.room(from: count, to: end)
        )
        self.known |= read.known &<< UInt64(count)
        count &+= read.lines
        at = read.at
    }

    /// The empty line.
    @inline(__always)
    private mutating func close(_ octets: OctetView, _ at: Int) -> FieldBlock.Outcome {
        guard octets.has(at &+ 1) else { return .incomplete }
        guard octets[at &+ 1] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
        self.end = at &+ 2
        return .complete
    }

    @inline(never)
    private static func incomplete(_ octets: OctetView, _ start: Int) -> FieldBlock.Outcome {
        octets.count - start > Self.lineByteCount ? .invalid(.headTooLarge) : .incomplete
    }

    @inline(never)
    private static func nameFault(_ byte: UInt8, first: Bool) -> HTTPFault {
        guard first else { return .malformedFieldName }
        if byte == Octet.space || byte == Octet.tab { return .foldedLine }
        return byte == Octet.lineFeed ? .bareLineEnd : .malformedFieldName
    }

    /// What is wrong with a value's end that is no CRLF; `nil` when it has not come yet.
    @inline(never)
    private static func endFault(_ octets: OctetView, _ end: Int) -> FieldBlock.Outcome? {
        guard octets.has(end) else { return nil }
        guard octets[end] == Octet.carriageReturn else {
            return .invalid(octets[end] == Octet.lineFeed ? .bareLineEnd : .malformedFieldValue)
        }
        return octets.has(end &+ 1) ? .invalid(.bareLineEnd) : nil
    }
}
