/// What a dashboard shows, as facts by key, and which of them have changed since when.
///
/// Pure: the shell hands in all facts as they are now; whoever watches asks for what came after the
/// last he saw.
///
///     replace(facts) --> number + 1 if anything changed
///     change(after: number) --> the facts changed since, and the keys gone since
public struct BoardLedger: Sendable {
    /// Keys remembered as gone; one who has not looked for longer gets everything: 4,096.
    public static let goneLimit = 4_096

    private struct Fact {
        var json: String
        var at: UInt64
    }

    /// Tells this ledger's numbers from those of the process before.
    private let epoch: String
    private var number: UInt64 = 0
    private var facts: [String: Fact] = [:]
    private var gone: [String: UInt64] = [:]
    /// Keys that went up to this number are not remembered.
    private var forgotten: UInt64 = 0

    /// Creates an empty ledger.
    ///
    /// - Parameter epoch: unlike that of every ledger before; without `-`.
    public init(epoch: String) { self.epoch = epoch }

    /// Takes all facts as they are now, each one JSON value, by key.
    ///
    /// - Returns: whether anything has changed.
    public mutating func replace(with now: [String: String]) -> Bool {
        let next = self.number &+ 1
        var hasChanged = false
        for (key, json) in now where self.facts[key]?.json != json {
            self.facts[key] = Fact(json: json, at: next)
            self.gone[key] = nil
            hasChanged = true
        }
        for key in self.facts.keys where now[key] == nil {
            self.facts[key] = nil
            self.gone[key] = next
            hasChanged = true
        }
        guard hasChanged else { return false }
        self.number = next
        if self.gone.count > Self.goneLimit {
            self.forgotten = next
            self.gone = [:]
        }
        return true
    }

    /// What has changed after a mark that an earlier change carried; everything, as a reset, for no
    /// mark, one of another process or one too old.
    public func change(after mark: String?) -> BoardChange {
        let seen = mark.flatMap { self.number(of: $0) }
        let isReset = seen == nil
        let start = seen ?? 0
        return BoardChange(
            mark: "\(self.epoch)-\(self.number)",
            isReset: isReset,
            facts: self.facts.filter { isReset || $0.value.at > start }
                .map { (key: $0.key, json: $0.value.json) }
                .sorted { $0.key < $1.key },
            gone: isReset ? [] : self.gone.filter { $0.value > start }.keys.sorted()
        )
    }

    private func number(of mark: String) -> UInt64? {
        let parts = mark.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == self.epoch, let number = UInt64(parts[1]),
            number <= self.number, number >= self.forgotten
        else { return nil }
        return number
    }
}

/// Facts that have changed.
public struct BoardChange: Sendable {
    /// How far this goes: `Last-Event-ID` of a stream that is resumed.
    public let mark: String
    /// Whether whatever was known before does not count.
    public let isReset: Bool
    /// Facts that are new or other than before, each one JSON value, by key ascending.
    public let facts: [(key: String, json: String)]
    /// Keys of facts that are no more, ascending.
    public let gone: [String]

    /// Whether there is nothing to tell.
    public var isEmpty: Bool { !self.isReset && self.facts.isEmpty && self.gone.isEmpty }

    /// `{"mark":…,"reset":…,"set":{…},"gone":[…]}` on one line.
    public var json: String {
        let set = self.facts.map { "\(Self.quoted($0.key)):\($0.json)" }.joined(separator: ",")
        let gone = self.gone.map(Self.quoted).joined(separator: ",")
        return "{\"mark\":\(Self.quoted(self.mark)),\"reset\":\(self.isReset),\"set\":{\(set)},"
            + "\"gone\":[\(gone)]}"
    }

    /// A JSON string (RFC 8259 section 7).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
