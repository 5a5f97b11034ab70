import MeshHTTP

/// The arguments of a query, one after the other.
struct QueryArguments {
    /// One argument; its bytes are borrowed.
    struct Argument {
        /// The whole argument as it stands.
        let raw: UnsafeRawBufferPointer
        private let mark: Int?

        init(_ raw: UnsafeRawBufferPointer) {
            self.raw = raw
            self.mark = raw.firstIndex(of: UInt8(ascii: "="))
        }

        /// Whether there is a `=`.
        var hasValue: Bool { self.mark != nil }

        /// Whether the name, escapes decoded, is this one.
        func isNamed(_ name: [UInt8]) -> Bool {
            var decoder = Escapes(self.raw, until: self.mark ?? self.raw.count)
            for byte in name { guard decoder.next() == byte else { return false } }
            return decoder.next() == nil
        }

        /// What stands behind the `=`, escapes decoded.
        var decodedValue: [UInt8] {
            guard let mark else { return [] }
            var decoder = Escapes(self.raw, from: mark + 1, until: self.raw.count)
            var value: [UInt8] = []
            while let byte = decoder.next() { value.append(byte) }
            return value
        }
    }

    private let query: UnsafeRawBufferPointer
    private var at: Int

    /// Goes through a query, which has its `?` or is empty.
    init(_ query: UnsafeRawBufferPointer) {
        self.query = query
        self.at = 1
    }

    /// The next argument that is not empty.
    mutating func next() -> Argument? {
        while self.at < self.query.count {
            var end = self.at
            while end < self.query.count, self.query[end] != UInt8(ascii: "&") { end += 1 }
            defer { self.at = end + 1 }
            if end > self.at {
                return Argument(UnsafeRawBufferPointer(rebasing: self.query[self.at..<end]))
            }
        }
        return nil
    }

    /// Takes arguments out of the query that the target gets, if it has any of them.
    static func remove(
        _ names: [[UInt8]],
        from request: PluginRequest,
        _ edits: inout PluginEdits
    ) {
        let query = request.query(edits)
        var arguments = QueryArguments(query)
        var kept: [UInt8] = []
        var isChanged = false
        while let argument = arguments.next() {
            if names.contains(where: { argument.isNamed($0) }) {
                isChanged = true
            } else {
                kept.append(kept.isEmpty ? UInt8(ascii: "?") : UInt8(ascii: "&"))
                kept.append(contentsOf: argument.raw)
            }
        }
        guard isChanged else { return }
        edits.beginQuery()
        kept.withUnsafeBytes { edits.query.write($0) }
    }
}

/// Decodes `%XX` and `+`; what is no escape stays.
private struct Escapes {
    private let bytes: UnsafeRawBufferPointer
    private let end: Int
    private var at: Int

    init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, until end: Int) {
        self.bytes = bytes
        self.end = end
        self.at = start
    }

    mutating func next() -> UInt8? {
        guard self.at < self.end else { return nil }
        let byte = self.bytes[self.at]
        self.at += 1
        if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
        guard byte == UInt8(ascii: "%"), self.at + 1 < self.end,
            let high = Self.digit(self.bytes[self.at]),
            let low = Self.digit(self.bytes[self.at + 1])
        else { return byte }
        self.at += 2
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
