/// Application protocols in the wire form of ALPN: names after a byte of length (RFC 7301).
enum ProtocolList {
    /// The wire form; nil for a name of no or more than 255 bytes.
    static func wireForm(_ names: [String]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for name in names {
            guard let count = UInt8(exactly: name.utf8.count), count > 0 else { return nil }
            bytes.append(count)
            bytes += name.utf8
        }
        return bytes
    }

    /// Where the most preferred of our names stands in `offer`; nil when none is offered.
    static func choose(of ours: [UInt8], from offer: UnsafeRawBufferPointer) -> Range<Int>? {
        ours.withUnsafeBytes { ours in
            for range in Self.names(in: ours) {
                let name = UnsafeRawBufferPointer(rebasing: ours[range])
                let found = Self.names(in: offer).first { offer[$0].elementsEqual(name) }
                if let found { return found }
            }
            return nil
        }
    }

    /// Ranges of the names; a name cut short by the end is left out.
    static func names(in list: UnsafeRawBufferPointer) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < list.count {
            let end = start + 1 + Int(list[start])
            guard end <= list.count else { break }
            ranges.append((start + 1)..<end)
            start = end
        }
        return ranges
    }
}
