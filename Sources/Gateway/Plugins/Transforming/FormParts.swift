/// The parts of a `multipart/form-data` body, in order.
///
/// Source: RFC 7578; RFC 2046 section 5.1; Kong 3.9, `request-transformer`.
struct FormParts: Equatable {
    /// One part.
    struct Part: Equatable {
        /// Nil for a part without a name.
        let name: [UInt8]?
        let value: [UInt8]
        /// The lines before the value, each with its end.
        let head: [UInt8]
    }

    /// Parts of a body: 1,024.
    static let partLimit = 1_024
    /// Bytes of a part before its value: 16 KiB.
    static let headLimit = 16_384

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    /// What parts are set apart by, after the end of a line: two dashes and the boundary.
    private let mark: [UInt8]
    private(set) var all: [Part] = []

    /// Reads a body whose `Content-Type` is at hand as it was written; nil for what is not well formed,
    /// or what others may read otherwise: they would see parts that are hidden here.
    ///
    /// An empty body has no parts.
    init?(_ body: [UInt8], type: String) {
        guard let boundary = Self.boundary(in: type) else { return nil }
        self.mark = [0x2D, 0x2D] + boundary
        guard !body.isEmpty else { return }
        let text = Self.lineEnd + body
        let separator = Self.lineEnd + self.mark
        guard var at = Self.find(separator, in: text, from: 0) else { return nil }
        while true {
            at += separator.count
            if text[at...].starts(with: [0x2D, 0x2D]) {
                let rest = text[(at + 2)...].drop { $0 == 0x20 || $0 == 0x09 }
                guard rest.isEmpty || rest.starts(with: Self.lineEnd),
                    self.marks(in: text) == self.all.count + 1
                else { return nil }
                return
            }
            while at < text.count, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
            // The line's end may be the one before the next mark.
            guard text[at...].starts(with: Self.lineEnd), self.all.count < Self.partLimit,
                let end = Self.find(separator, in: text, from: at),
                let part = Self.part(text[at..<end])
            else { return nil }
            self.all.append(part)
            at = end
        }
    }

    /// How often the mark begins a line, whatever ends the line before.
    private func marks(in text: [UInt8]) -> Int {
        var (count, at) = (0, 0)
        while let next = Self.find(self.mark, in: text, from: at) {
            if next == 0 || text[next - 1] == 0x0D || text[next - 1] == 0x0A { count += 1 }
            at = next + 1
        }
        return count
    }

    /// The parameter `boundary` of a type (RFC 2046 section 5.1.1); nil when there are several.
    private static func boundary(in type: String) -> [UInt8]? {
        var found: [UInt8]?
        for parameter in type.utf8.split(separator: UInt8(ascii: ";")).dropFirst() {
            let sides = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1)
            let key = String(sides[0])?.lowercased().filter { $0 != " " && $0 != "\t" }
            guard let key, key.hasPrefix("boundary") else { continue }
            guard key == "boundary", sides.count == 2, found == nil else { return nil }
            var value = Self.trimmed(Array(sides[1]))
            if value.count > 1, value.first == 0x22, value.last == 0x22 {
                value = Array(value.dropFirst().dropLast())
            }
            let isPlain = !value.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
            guard (1...70).contains(value.count), isPlain else { return nil }
            found = value
        }
        return found
    }

    private static func trimmed(_ text: [UInt8]) -> [UInt8] {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        return Array(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    /// Reads a part, which begins with the end of the line of its mark.
    private static func part(_ text: ArraySlice<UInt8>) -> Part? {
        let lines = Array(text)
        guard let gap = Self.find(Self.lineEnd + Self.lineEnd, in: lines, from: 0) else {
            return nil
        }
        guard gap <= Self.headLimit else { return nil }
        let head = Array(lines[2..<max(2, gap + 2)])
        guard case .some(let name) = Self.name(in: head) else { return nil }
        return Part(name: name, value: Array(lines[(gap + 4)...]), head: head)
    }

    /// The name that `Content-Disposition` tells (RFC 7578 section 4.2), if there is one; nil when others may
    /// find another one.
    private static func name(in head: [UInt8]) -> [UInt8]?? {
        var found: [UInt8]?
        var isFound = false
        var rest = head[...]
        while let end = rest.firstIndex(of: 0x0A) {
            let line = rest[..<end].dropLast()
            guard rest[..<end].last == 0x0D, !line.contains(0x0D), !line.contains(0),
                let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                !line[..<colon].contains(where: { $0 == 0x20 || $0 == 0x09 })
            else { return .none }
            rest = rest[(end + 1)...]
            guard Self.isWord(line[..<colon], "content-disposition") else { continue }
            guard !isFound, let name = Self.name(inLine: line[(colon + 1)...]) else { return .none }
            (isFound, found) = (true, name)
        }
        return .some(found)
    }

    private static func name(inLine line: ArraySlice<UInt8>) -> [UInt8]?? {
        var found: [UInt8]?
        var rest = line.drop { $0 != UInt8(ascii: ";") }
        while !rest.isEmpty {
            rest = rest.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
            let key = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(key.count)
            let isFileName = Self.isWord(key, "filename*")
            let isOdd = key.contains { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: "*") }
            if isOdd, !isFileName { return .none }
            guard rest.first == UInt8(ascii: "=") else { continue }
            let value = Self.value(&rest)
            guard Self.isWord(key, "name") else { continue }
            guard found == nil else { return .none }
            found = value
        }
        return .some(found)
    }

    private static func isWord(_ text: ArraySlice<UInt8>, _ word: String) -> Bool {
        text.count == word.utf8.count && zip(text, word.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    /// Takes the value of a parameter, from its `=` to the next `;`.
    private static func value(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        rest = rest.dropFirst()
        var value: [UInt8] = []
        if rest.first == UInt8(ascii: "\"") {
            rest = rest.dropFirst()
            while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                value.append(byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte)
            }
        } else {
            value = Array(rest.prefix { $0 != UInt8(ascii: ";") && $0 != 0x0D && $0 != 0x20 })
        }
        rest = rest.drop { $0 != UInt8(ascii: ";") }
        return value
    }

    private static func find(_ pattern: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        var at = start
        while at + pattern.count <= text.count {
            if text[at] == pattern[0], text[at...].starts(with: pattern) { return at }
            at += 1
        }
        return nil
    }
}

extension FormParts {
    /// The parts that have names, as arguments.
    var arguments: Arguments {
        Arguments(
            self.all.compactMap { part in
                part.name.map { Arguments.Argument(name: $0, value: part.value) }
            }
        )
    }

    private func has(_ name: [UInt8]) -> Bool { self.all.contains { $0.name == name } }

    mutating func remove(_ name: [UInt8]) { self.all.removeAll { $0.name == name } }

    /// Applies rules in the order that Kong has for parts, where names change first.
    ///
    /// Parts that are renamed or replaced are plain texts after that. `append`, which Kong has not for
    /// parts, adds one.
    mutating func apply(_ rules: TransformRules<[UInt8]>) {
        for (old, new) in rules.rename {
            let (old, new) = (Array(old.utf8), Array(new.utf8))
            guard self.has(old), old != new else { continue }
            self.remove(new)
            for index in self.all.indices where self.all[index].name == old {
                self.all[index] = self.plain(new, self.all[index].value)
            }
        }
        for name in rules.remove { self.remove(Array(name.utf8)) }
        for (name, value) in rules.replace {
            let name = Array(name.utf8)
            guard let first = self.all.firstIndex(where: { $0.name == name }) else { continue }
            let rest = self.all[(first + 1)...].filter { $0.name != name }
            self.all.replaceSubrange(first..., with: [self.plain(name, value)] + rest)
        }
        for (name, value) in rules.add where !self.has(Array(name.utf8)) {
            self.all.append(self.plain(Array(name.utf8), value))
        }
        for (name, value) in rules.append {
            self.all.append(self.plain(Array(name.utf8), value))
        }
    }

    /// A part that holds a text, which cannot hold what parts are set apart by.
    private func plain(_ name: [UInt8], _ value: [UInt8]) -> Part {
        let quoted = name.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "\""): Array("%22".utf8)
            case 0x0D: Array("%0D".utf8)
            case 0x0A: Array("%0A".utf8)
            default: [byte]
            }
        }
        return Part(
            name: name,
            value: self.withoutMarks(value),
            head: Array("Content-Disposition: form-data; name=\"".utf8) + quoted + [0x22]
                + Self.lineEnd
        )
    }

    /// A value up to a line of it that begins with the mark.
    private func withoutMarks(_ value: [UInt8]) -> [UInt8] {
        var at = 0
        while let next = Self.find(self.mark, in: value, from: at) {
            if next == 0 || value[next - 1] == 0x0D || value[next - 1] == 0x0A {
                return Array(value[..<next])
            }
            at = next + 1
        }
        return value
    }

    /// The body.
    var encoded: [UInt8] {
        var body: [UInt8] = []
        for part in self.all {
            body += self.mark + Self.lineEnd + part.head + Self.lineEnd + part.value
            body += Self.lineEnd
        }
        return body + self.mark + [0x2D, 0x2D] + Self.lineEnd
    }
}

/// Forms in parts, as requests submit them.
public enum MultipartForm {
    /// The names and values of a body's parts, in order; those without a name are left out.
    ///
    /// - Parameters:
    ///   - body: the whole body.
    ///   - type: its `Content-Type` as it was written.
    /// - Returns: nil for what is not well formed or no text.
    public static func fields(
        of body: [UInt8],
        type: String
    ) -> [(name: String, value: String)]? {
        guard let parts = FormParts(body, type: type) else { return nil }
        var fields: [(name: String, value: String)] = []
        for part in parts.all {
            guard let bytes = part.name else { continue }
            guard let name = String(validating: bytes, as: UTF8.self),
                let value = String(validating: part.value, as: UTF8.self)
            else { return nil }
            fields.append((name, value))
        }
        return fields
    }
}
