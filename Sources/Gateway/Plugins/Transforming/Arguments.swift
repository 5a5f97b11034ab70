/// The arguments of a query or a form, decoded, in order.
///
/// Source: OpenResty, `ngx.decode_args` and `ngx.encode_args`; Kong 3.9, `request-transformer`.
struct Arguments: Equatable {
    /// One argument; one without `=` has no value.
    struct Argument: Equatable {
        var name: [UInt8]
        var value: [UInt8]?
    }

    private(set) var all: [Argument] = []

    /// Takes arguments that were read elsewhere.
    init(_ all: [Argument]) { self.all = all }

    /// Reads a text without its `?`.
    init(_ text: UnsafeRawBufferPointer) {
        for part in text.split(separator: UInt8(ascii: "&")) {
            guard let mark = part.firstIndex(of: UInt8(ascii: "=")) else {
                self.all.append(Argument(name: Self.decoded(part), value: nil))
                continue
            }
            let name = Self.decoded(part[..<mark])
            guard !name.isEmpty else { continue }
            self.all.append(Argument(name: name, value: Self.decoded(part[(mark + 1)...])))
        }
    }

    /// The first value of an argument; `nil` when there is none, empty without one.
    subscript(name: [UInt8]) -> [UInt8]? {
        self.all.first { $0.name == name }.map { $0.value ?? [] }
    }

    private func has(_ name: [UInt8]) -> Bool { self.all.contains { $0.name == name } }

    mutating func remove(_ name: [UInt8]) { self.all.removeAll { $0.name == name } }

    /// Applies rules in Kong's order; a renaming of what is not there takes the new name away.
    mutating func apply(_ rules: TransformRules<[UInt8]>) {
        for name in rules.remove { self.remove(Array(name.utf8)) }
        for (old, new) in rules.rename {
            let (old, new) = (Array(old.utf8), Array(new.utf8))
            guard old != new else {
                self.remove(old)
                continue
            }
            self.remove(new)
            for index in self.all.indices where self.all[index].name == old {
                self.all[index].name = new
            }
        }
        for (name, value) in rules.replace where self.has(Array(name.utf8)) {
            self.set(Array(name.utf8), value)
        }
        for (name, value) in rules.add where !self.has(Array(name.utf8)) {
            self.all.append(Argument(name: Array(name.utf8), value: value))
        }
        for (name, value) in rules.append {
            self.all.append(Argument(name: Array(name.utf8), value: value))
        }
    }

    /// Puts one value in the place of the first, and takes the others away.
    private mutating func set(_ name: [UInt8], _ value: [UInt8]) {
        guard let first = self.all.firstIndex(where: { $0.name == name }) else { return }
        self.all[first].value = value
        let rest = self.all[(first + 1)...].filter { $0.name != name }
        self.all.replaceSubrange((first + 1)..., with: rest)
    }

    /// The text, without `?`.
    var encoded: [UInt8] {
        var text: [UInt8] = []
        for argument in self.all {
            if !text.isEmpty { text.append(UInt8(ascii: "&")) }
            text += Self.encoded(argument.name)
            guard let value = argument.value else { continue }
            text.append(UInt8(ascii: "="))
            text += Self.encoded(value)
        }
        return text
    }

    private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                text.append(byte)
            default:
                text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return text
    }

    private static func decoded(_ text: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "+") {
                bytes.append(0x20)
            } else if byte == UInt8(ascii: "%"), index + 2 < text.endIndex,
                let high = Self.digit(text[index + 1]), let low = Self.digit(text[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 2
            } else {
                bytes.append(byte)
            }
            index += 1
        }
        return bytes
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
