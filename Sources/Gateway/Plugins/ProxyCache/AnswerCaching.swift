internal import COpenSSL

/// Names what is cached: SHA-256 of what an answer depends on.
public struct CacheKey: Hashable, Sendable {
    let words: [UInt64]

    init(words: [UInt64]) { self.words = words }

    /// Hashes what an answer depends on.
    init(of bytes: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        self.words = (0..<4).map { word in
            digest[(8 * word)..<(8 * word + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
    }

    /// 64 hexadecimal digits.
    var text: String {
        self.words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        .joined()
    }
}

/// What an answer depends on, so written that no two lists of parts are alike.
struct CacheKeyParts {
    private(set) var bytes: [UInt8] = []

    /// Adds a part behind its length.
    mutating func add(_ part: [UInt8]) {
        self.add(count: part.count)
        self.bytes += part
    }

    /// Adds parts behind their number.
    mutating func add(list: [[UInt8]]) {
        self.add(count: list.count)
        for part in list { self.add(part) }
    }

    private mutating func add(count: Int) {
        withUnsafeBytes(of: UInt64(count).littleEndian) { self.bytes += $0 }
    }
}

/// An answer as it is kept.
public struct CachedAnswer: Sendable {
    /// The status.
    let status: UInt16
    /// Whole lines of the head, without those of one hop and without the type and the length.
    let lines: [UInt8]
    let contentType: [UInt8]
    /// How long its body was said to be, if it was.
    let length: Int?
    /// The request's fields that it depends on, in lower case.
    public let varies: [[UInt8]]
    /// Milliseconds since 1970 when it came.
    let came: Int64
    /// Seconds for which it is fresh, and for which it is kept.
    let freshness: Int64
    let storage: Int64
    /// The body; empty until it has come.
    var body: [UInt8] = []

    /// About how many bytes it takes.
    public var byteCount: Int { self.lines.count + self.body.count + 512 }

    /// Whether it is kept no longer.
    public func isOver(at now: Int64) -> Bool { now - self.came > self.storage * 1_000 }
}

/// Keeps answers; shared by all workers, bounded.
public protocol AnswerCaching: AnyObject, Sendable {
    /// The answer of a key; nil when none is kept, or none any longer.
    func answer(_ key: CacheKey, at now: Int64) -> CachedAnswer?
    /// The request's fields that answers depend on, as the last one of the key without them said.
    func varies(_ key: CacheKey) -> [[UInt8]]
    /// Keeps the head of an answer whose body comes, by a number of its own.
    func begin(_ number: UInt64, _ head: CachedAnswer)
    /// Takes out the head of an answer whose body has come, or comes no more.
    func take(_ number: UInt64) -> CachedAnswer?
    /// Keeps an answer under its key; `plain` is the key without the fields that it depends on.
    func store(_ answer: CachedAnswer, _ key: CacheKey, plain: CacheKey)
}
