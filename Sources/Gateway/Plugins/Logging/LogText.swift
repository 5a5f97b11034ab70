/// A JSON object as it is written.
struct LogText {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    private mutating func name(_ name: String) {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.bytes += FieldText.jsonString(name)
        self.bytes.append(UInt8(ascii: ":"))
        self.needsComma = true
    }

    mutating func open() {
        self.bytes.append(UInt8(ascii: "{"))
        self.needsComma = false
    }

    mutating func open(_ name: String) {
        self.name(name)
        self.open()
    }

    mutating func close() {
        self.bytes.append(UInt8(ascii: "}"))
        self.needsComma = true
    }

    mutating func string(_ name: String, _ value: String) {
        self.name(name)
        self.bytes += FieldText.jsonString(value)
    }

    mutating func strings(_ name: String, _ values: [String]) {
        self.name(name)
        self.bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { self.bytes.append(UInt8(ascii: ",")) }
            self.bytes += FieldText.jsonString(value)
        }
        self.bytes.append(UInt8(ascii: "]"))
    }

    /// Fields of a head, their names in lower case: an array where a name has several values.
    mutating func headers(_ fields: [(name: String, value: String)], hidesSecrets: Bool) {
        self.open("headers")
        var written: Set<String> = []
        for (name, value) in fields where written.insert(name).inserted {
            let isSecret = name == "authorization" || name == "proxy-authorization"
            guard !isSecret || !hidesSecrets else {
                self.string(name, "REDACTED")
                continue
            }
            let values = fields.filter { $0.name == name }.map(\.value)
            if values.count == 1 { self.string(name, value) } else { self.strings(name, values) }
        }
        self.close()
    }

    /// Arguments of a query or a form: true for one without a value.
    mutating func arguments(_ name: String, _ arguments: Arguments) {
        self.open(name)
        var written: Set<[UInt8]> = []
        for argument in arguments.all where written.insert(argument.name).inserted {
            let name = String(decoding: argument.name, as: UTF8.self)
            let values = arguments.all.filter { $0.name == argument.name }
            guard values.count == 1 else {
                self.strings(name, values.map { String(decoding: $0.value ?? [], as: UTF8.self) })
                continue
            }
            if let value = argument.value {
                self.string(name, String(decoding: value, as: UTF8.self))
            } else {
                self.raw(name, "true")
            }
        }
        self.close()
    }

    mutating func number(_ name: String, _ value: Int64) { self.raw(name, "\(value)") }

    mutating func raw(_ name: String, _ text: String) { self.raw(name, Array(text.utf8)) }

    mutating func raw(_ name: String, _ text: [UInt8]) {
        self.name(name)
        self.bytes += text
    }
}
