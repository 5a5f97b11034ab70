/// What a Redis answers (RESP 2).
///
/// Source: Redis, "Redis serialization protocol specification".
enum RedisReply: Equatable {
    case status(String)
    case error(String)
    case integer(Int64)
    /// Bytes, or nil for what is not there.
    case bulk([UInt8]?)
    case list([RedisReply])

    /// Why an answer cannot be read.
    struct Damage: Error {}

    /// Most bytes of one text, and most elements of one list: nothing that is asked for has more.
    private static let byteLimit = 65_536
    private static let elementLimit = 256

    /// The command that has these parts.
    static func command(_ parts: [[UInt8]]) -> [UInt8] {
        var bytes = Array("*\(parts.count)\r\n".utf8)
        for part in parts { bytes += Array("$\(part.count)\r\n".utf8) + part + [0x0D, 0x0A] }
        return bytes
    }

    /// Takes the first answer off some bytes; nil as long as it is not whole.
    static func take(from bytes: inout [UInt8]) throws(Damage) -> RedisReply? {
        var place = 0
        guard let reply = try Self.read(bytes, &place, depth: 0) else { return nil }
        bytes.removeFirst(place)
        return reply
    }

    private static func read(
        _ bytes: [UInt8],
        _ place: inout Int,
        depth: Int
    ) throws(Damage) -> RedisReply? {
        guard let line = try Self.line(bytes, &place), let kind = line.first else { return nil }
        let text = String(decoding: line.dropFirst(), as: UTF8.self)
        switch kind {
        case UInt8(ascii: "+"): return .status(text)
        case UInt8(ascii: "-"): return .error(text)
        case UInt8(ascii: ":"):
            guard let number = Int64(text) else { throw Damage() }
            return .integer(number)
        case UInt8(ascii: "$"):
            guard let count = Int(text), count <= Self.byteLimit else { throw Damage() }
            guard count >= 0 else { return .bulk(nil) }
            guard bytes.count - place >= count + 2 else { return nil }
            defer { place += count + 2 }
            return .bulk(Array(bytes[place..<(place + count)]))
        case UInt8(ascii: "*"):
            guard let count = Int(text), count <= Self.elementLimit, depth < 2 else {
                throw Damage()
            }
            var elements: [RedisReply] = []
            for _ in 0..<max(0, count) {
                guard let element = try Self.read(bytes, &place, depth: depth + 1) else {
                    return nil
                }
                elements.append(element)
            }
            return .list(elements)
        default: throw Damage()
        }
    }

    private static func line(
        _ bytes: [UInt8],
        _ place: inout Int
    ) throws(Damage) -> ArraySlice<UInt8>? {
        var end = place
        while end + 1 < bytes.count, bytes[end] != 0x0D || bytes[end + 1] != 0x0A {
            end += 1
            guard end - place <= Self.byteLimit else { throw Damage() }
        }
        guard end + 1 < bytes.count else { return nil }
        guard end > place else { throw Damage() }
        defer { place = end + 2 }
        return bytes[place..<end]
    }
}
