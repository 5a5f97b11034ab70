/// Fields of a message of protocol buffers.
struct Protobuf {
    private var fields: [UInt64: [[UInt8]]] = [:]
    private var numbers: [UInt64: UInt64] = [:]

    init(_ bytes: [UInt8]) {
        var place = 0
        let varint = { () -> UInt64 in
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while place < bytes.count {
                let byte = bytes[place]
                place += 1
                value |= UInt64(byte & 0x7F) << shift
                shift += 7
                if byte & 0x80 == 0 { break }
            }
            return value
        }
        func fixed(_ field: UInt64, _ count: Int) {
            guard place + count <= bytes.count else {
                place = bytes.count
                return
            }
            self.numbers[field] = bytes[place..<(place + count)].reversed()
                .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            place += count
        }
        while place < bytes.count {
            let tag = varint()
            switch tag & 7 {
            case 0: self.numbers[tag >> 3] = varint()
            case 1: fixed(tag >> 3, 8)
            case 5: fixed(tag >> 3, 4)
            case 2:
                let count = Int(varint())
                guard place + count <= bytes.count else { return }
                self.fields[tag >> 3, default: []].append(Array(bytes[place..<(place + count)]))
                place += count
            default: return
            }
        }
    }

    /// Values that are bytes.
    subscript(field: UInt64) -> [[UInt8]] { self.fields[field] ?? [] }

    /// A value that is a number.
    func number(_ field: UInt64) -> UInt64? { self.numbers[field] }

    /// A value that is a text.
    func text(_ field: UInt64) -> String? {
        self[field].first.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Attributes as OTLP has them, texts and numbers alike as texts.
    func attributes(_ field: UInt64) -> [String: String] {
        var attributes: [String: String] = [:]
        for bytes in self[field] {
            let pair = Protobuf(bytes)
            let value = Protobuf(pair[2].first ?? [])
            attributes[pair.text(1) ?? ""] = value.text(1) ?? value.number(3).map { "\($0)" }
        }
        return attributes
    }
}
