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

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    /// What parts are set apart by, after the end of a line: two dashes and the boundary.
    private let mark: [UInt8]
    private(set) var all: [Part] = []

    /// Reads a body whose `Content-Type` is at hand as it was written; nil for what is not well formed.
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
            guard !text[at...].starts(with: [0x2D, 0x2D]) else { return }
            while at < text.count, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
            // The line's end may be the one before the next mark.
            guard text[at...].starts(with: Self.lineEnd),
                let end = Self.find(separator, in: text, from: at),
                let part = Self.part(text[at..<end])
            else { return nil }
            self.all.append(part)
            at = end
        }
    }

    /// The parameter `boundary` of a type (RFC 2046 section 5.1.1).
    private static func boundary(in type: String) -> [UInt8]? {
        for parameter in type.utf8.split(separator: UInt8(ascii: ";")).dropFirst() {
            let sides = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard sides.count == 2,
                String(sides[0])?.lowercased().filter({ $0 != " " && $0 != "\t" }) == "boundary"
            else { continue }
            let value = sides[1].filter { $0 != 0x20 && $0 != 0x09 && $0 != UInt8(ascii: "\"") }
            return (1...70).contains(value.count) ? Array(value) : nil
        }
        return nil
    }

    /// Reads a part, which begins with the end of the line of its mark.
    private static func part(_ text: ArraySlice<UInt8>) -> Part? {
        let lines = Array(text)
        guard let gap = Self.find(Self.lineEnd + Self.lineEnd, in: lines, from: 0) else {
            return nil
        }
        let head = Array(lines[2..<max(2, gap + 2)])
        return Part(name: Self.name(in: head), value: Array(lines[(gap + 4)...]), head: head)
    }

    /// The name that `Content-Disposition` tells (RFC 7578 section 4.2).
    private static func name(in head: [UInt8]) -> [UInt8]? {
        for line in head.split(separator: 0x0A) {
            let text = String(decoding: line, as: UTF8.self)
            guard text.lowercased().hasPrefix("content-disposition:") else { continue }
            var rest = line.drop { $0 != UInt8(ascii: ";") }
            while !rest.isEmpty {
                rest = rest.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
                let key = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
                rest = rest.dropFirst(key.count)
                guard rest.first == UInt8(ascii: "=") else { continue }
                let value = Self.value(&rest)
                if String(decoding: key, as: UTF8.self).lowercased() == "name" { return value }
            }
        }
        return nil
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

    /// Applies rules in Kong's order; parts that are renamed or replaced are plain texts after that.
    mutating func apply(_ rules: TransformRules<[UInt8]>) {
        for name in rules.remove { self.remove(Array(name.utf8)) }
        for (old, new) in rules.rename {
            let (old, new) = (Array(old.utf8), Array(new.utf8))
            guard self.has(old), old != new else { continue }
            self.remove(new)
            for index in self.all.indices where self.all[index].name == old {
                self.all[index] = self.plain(new, self.all[index].value)
            }
        }
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
        let end = Self.find(self.mark, in: value, from: 0) ?? value.count
        return Part(
            name: name,
            value: Array(value[..<end]),
            head: Array("Content-Disposition: form-data; name=\"".utf8) + quoted + [0x22]
                + Self.lineEnd
        )
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
