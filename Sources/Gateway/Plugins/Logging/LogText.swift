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

    mutating func number(_ name: String, _ value: Int64) { self.raw(name, "\(value)") }

    mutating func raw(_ name: String, _ text: String) { self.raw(name, Array(text.utf8)) }

    mutating func raw(_ name: String, _ text: [UInt8]) {
        self.name(name)
        self.bytes += text
    }
}
