public import MeshEntities

extension CacheKey {
    /// Reads 64 hexadecimal digits, as the field `X-Cache-Key` tells them; nil for anything else.
    public init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        var words: [UInt64] = []
        for start in stride(from: 0, to: 64, by: 16) {
            let part = digits[start..<(start + 16)]
            let isHexadecimal = part.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
            }
            let word = UInt64(String(decoding: part, as: UTF8.self), radix: 16)
            guard isHexadecimal, let word else { return nil }
            words.append(word)
        }
        self.init(words: words)
    }
}

extension CachedAnswer {
    /// As Kong's Admin API shows it.
    public var document: DocumentValue {
        var headers: [DocumentField] = []
        for line in self.lines.split(separator: 0x0A) {
            let line = line.last == 0x0D ? line.dropLast() : line
            guard let colon = line.firstIndex(of: 0x3A) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            let value = String(
                decoding: line[(colon + 1)...].drop { $0 == 0x20 },
                as: UTF8.self
            )
            guard !headers.contains(where: { $0.name == name }) else { continue }
            headers.append(DocumentField(name, .string(value)))
        }
        if !self.contentType.isEmpty {
            let type = String(decoding: self.contentType, as: UTF8.self)
            headers.append(DocumentField("Content-Type", .string(type)))
        }
        return .record([
            "status": .integer(Int64(self.status)),
            "headers": .object(headers),
            "body": .string(String(decoding: self.body, as: UTF8.self)),
            "body_len": .integer(Int64(self.body.count)),
            "timestamp": .integer(self.came / 1_000),
            "ttl": .integer(self.freshness),
        ])
    }
}
