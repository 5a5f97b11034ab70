/// What a target says of its load in fields of its answers, as Envoy and gRPC read it (ORCA).
///
/// Of all metrics only one counts here: `rif` among the named ones, the requests that the target works
/// on. A report that is not understood is none.
///
/// Source: `xds/data/orca/v3/orca_load_report.proto`; gRFC A51; Envoy's fields `endpoint-load-metrics`
/// (`TEXT`, `JSON` or `BIN` before the metrics, `TEXT` when nothing is) and
/// `endpoint-load-metrics-bin`.
public enum LoadMetrics {
    /// The field with a format before its metrics.
    public static let fieldName: StaticString = "endpoint-load-metrics"
    /// The field with a message of protocol buffers in base 64.
    public static let binaryFieldName: StaticString = "endpoint-load-metrics-bin"
    /// The highest number of requests that is told apart from more.
    public static let limit = 1_000_000

    private static let metric: StaticString = "rif"
    private static let textMetric: StaticString = "named_metrics.rif"
    /// Longest message that is read, in bytes.
    private static let messageLimit = 1_024

    /// Requests in flight by the value of ``fieldName``; `nil` when it does not say.
    public static func requestsInFlight(in value: UnsafeRawBufferPointer) -> Int? {
        let bytes = OctetView(value)
        if Self.begins(bytes, 0, "JSON ") { return Self.readJSON(bytes, from: 5) }
        if Self.begins(bytes, 0, "BIN ") {
            return Self.requestsInFlight(
                inBinary: UnsafeRawBufferPointer(rebasing: value[4...])
            )
        }
        return Self.readText(bytes, from: Self.begins(bytes, 0, "TEXT ") ? 5 : 0)
    }

    /// Requests in flight by the value of ``binaryFieldName``; `nil` when it does not say.
    public static func requestsInFlight(inBinary value: UnsafeRawBufferPointer) -> Int? {
        withUnsafeTemporaryAllocation(byteCount: Self.messageLimit, alignment: 1) { room in
            guard let count = Self.decode(OctetView(value), into: room) else { return nil }
            return Self.readMessage(
                OctetView(UnsafeRawBufferPointer(rebasing: room[..<count])),
                field: 8
            )
        }
    }

    /// Finds the metric in the lines behind a body; `nil` when they do not say.
    public static func requestsInFlight(inTrailers lines: UnsafeRawBufferPointer) -> Int? {
        var position = 0
        while let field = TrailerFields.next(in: lines, at: &position) {
            let name = OctetView(field.name.bytes(of: lines))
            let value = field.value.bytes(of: lines)
            if Self.isName(name, Self.fieldName) { return Self.requestsInFlight(in: value) }
            if Self.isName(name, Self.binaryFieldName) {
                return Self.requestsInFlight(inBinary: value)
            }
        }
        return nil
    }

    private static func isName(_ name: OctetView, _ text: StaticString) -> Bool {
        guard name.count == text.utf8CodeUnitCount else { return false }
        return (0..<name.count).allSatisfy {
            OctetView.lowercased(name[$0]) == text.utf8Start[$0]
        }
    }

    private static func begins(_ bytes: OctetView, _ start: Int, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - start >= count else { return false }
        return (0..<count).allSatisfy { bytes[start + $0] == text.utf8Start[$0] }
    }

    /// Metrics with commas between them, each a name, `=` or `:`, and a number.
    private static func readText(_ bytes: OctetView, from start: Int) -> Int? {
        var at = start
        while at < bytes.count {
            let end = bytes.firstIndex(of: Octet.comma, from: at, to: bytes.count)
            let part = bytes.trimmed(at, end)
            at = end + 1
            let count = Self.textMetric.utf8CodeUnitCount
            guard part.count > count, Self.begins(bytes, part.start, Self.textMetric) else {
                continue
            }
            var mark = part.start + count
            while mark < part.end, Self.isSpace(bytes[mark]) { mark += 1 }
            guard mark < part.end, [Octet.colon, UInt8(ascii: "=")].contains(bytes[mark]) else {
                continue
            }
            return Self.number(bytes, from: mark + 1, to: part.end)
        }
        return nil
    }

    /// The number after the metric's name inside of the object called `named_metrics`.
    private static func readJSON(_ bytes: OctetView, from start: Int) -> Int? {
        var depth = 0
        var at = start
        var isNamed = false
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth < 2 { isNamed = false }
            case UInt8(ascii: "\""):
                let end = Self.endOfString(bytes, from: at + 1)
                let name = (start: at + 1, end: end)
                at = end + 1
                while at < bytes.count, Self.isSpace(bytes[at]) { at += 1 }
                guard at < bytes.count, bytes[at] == Octet.colon else { continue }
                if depth == 1 {
                    isNamed =
                        Self.equals(bytes, name, "named_metrics")
                        || Self.equals(bytes, name, "namedMetrics")
                } else if depth == 2, isNamed, Self.equals(bytes, name, Self.metric) {
                    return Self.number(bytes, from: at + 1, to: bytes.count)
                }
            default: break
            }
            at += 1
        }
        return nil
    }

    private static func endOfString(_ bytes: OctetView, from start: Int) -> Int {
        var at = start
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
            at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(at, bytes.count)
    }

    private static func equals(
        _ bytes: OctetView,
        _ range: (start: Int, end: Int),
        _ text: StaticString
    ) -> Bool {
        range.end - range.start == text.utf8CodeUnitCount && Self.begins(bytes, range.start, text)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// A decimal number of 0 or more, without its fraction; `nil` for anything else.
    private static func number(_ bytes: OctetView, from start: Int, to end: Int) -> Int? {
        var at = start
        while at < end, Self.isSpace(bytes[at]) { at += 1 }
        let first = at
        var result = 0
        while at < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) {
            result = min(Self.limit, result * 10 + Int(bytes[at] - UInt8(ascii: "0")))
            at += 1
        }
        guard at > first else { return nil }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            at += 1
            while at < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
        }
        guard at < end else { return result }
        let isOver =
            Self.isSpace(bytes[at]) || bytes[at] == Octet.comma
            || bytes[at] == UInt8(ascii: "}")
        return isOver ? result : nil
    }

    /// Takes base 64 off, with or without padding; the number of bytes, or `nil`.
    private static func decode(
        _ text: OctetView,
        into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var count = 0
        var bits: UInt32 = 0
        var held = 0
        for index in 0..<text.count {
            let value: UInt8
            switch text[index] {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = text[index] - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = text[index] - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = text[index] - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            case UInt8(ascii: "="): continue
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            held += 6
            guard held >= 8 else { continue }
            held -= 8
            guard count < room.count else { return nil }
            room[count] = UInt8(truncatingIfNeeded: bits >> UInt32(held))
            count += 1
        }
        return count
    }

    /// The metric in a message: field 8 holds an entry of named metrics, whose field 1 is the name and
    /// field 2 the number.
    private static func readMessage(_ bytes: OctetView, field: UInt64) -> Int? {
        var at = 0
        while at < bytes.count {
            guard let tag = Self.variable(bytes, &at) else { return nil }
            switch tag & 7 {
            case 0: guard Self.variable(bytes, &at) != nil else { return nil }
            case 1: at += 8
            case 5: at += 4
            case 2:
                guard let count = Self.variable(bytes, &at), count <= UInt64(bytes.count - at)
                else { return nil }
                let end = at + Int(count)
                if tag >> 3 == field, let found = Self.readEntry(bytes, at, end) { return found }
                at = end
            default: return nil
            }
            guard at <= bytes.count else { return nil }
        }
        return nil
    }

    private static func readEntry(_ bytes: OctetView, _ start: Int, _ end: Int) -> Int? {
        var at = start
        var isNamed = false
        var number: Double?
        while at < end {
            guard let tag = Self.variable(bytes, &at) else { return nil }
            switch tag {
            case 1 << 3 | 2:
                guard let count = Self.variable(bytes, &at), at <= end,
                    count <= UInt64(end - at)
                else { return nil }
                isNamed = Self.equals(bytes, (at, at + Int(count)), Self.metric)
                at += Int(count)
            case 2 << 3 | 1:
                guard at + 8 <= end else { return nil }
                var pattern: UInt64 = 0
                for place in 0..<8 { pattern |= UInt64(bytes[at + place]) << UInt64(8 * place) }
                number = Double(bitPattern: pattern)
                at += 8
            default: return nil
            }
        }
        guard isNamed, let number, number >= 0, number.isFinite else { return nil }
        return Int(min(number, Double(Self.limit)))
    }

    /// A number of variable length.
    private static func variable(_ bytes: OctetView, _ at: inout Int) -> UInt64? {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while at < bytes.count, shift < 64 {
            let byte = bytes[at]
            at += 1
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        return nil
    }
}
