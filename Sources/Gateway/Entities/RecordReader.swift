/// Reads the fields of one object with Kong's types, ranges and messages.
///
/// Never stops at the first mistake: a field that is wrong becomes a finding and reads as its
/// default, so that one run tells everything that is wrong. ``finish()`` reports what nobody asked
/// for.
public struct RecordReader: Sendable {
    /// Where the object stands.
    public let location: FieldPath
    /// What is wrong so far, in the order of reading.
    public private(set) var findings: [Finding] = []

    private let node: DocumentNode
    private let fields: [DocumentField]
    /// By place: whether somebody asked for the field.
    private var isKnown: [Bool]

    /// Starts to read `node`, which should be an object; null reads as an object without fields.
    public init(_ node: DocumentNode, at location: FieldPath) {
        self.node = node
        self.location = location
        self.isKnown = []
        switch node.value {
        case .object(let fields):
            self.fields = fields
        case .null:
            self.fields = []
        case .bool, .integer, .number, .string, .array:
            self.fields = []
            self.add("expected a record", at: location, node)
        }
        self.isKnown = self.fields.map { $0.name == "_comment" || $0.name == "_ignore" }
    }

    /// The value of a field; `nil` when it is absent or null.
    public mutating func value(_ name: String) -> DocumentNode? {
        guard let place = self.fields.firstIndex(where: { $0.isCalled(name) }) else { return nil }
        self.isKnown[place] = true
        let node = self.fields[place].node
        return node.value.isNull ? nil : node
    }

    /// Reports that a field is wrong.
    public mutating func fail(_ name: String, _ message: String) {
        let field = self.fields.first { $0.name == name }
        self.add(message, at: self.location.field(name), field?.node ?? self.node)
    }

    /// Reports that an element of a field is wrong.
    public mutating func fail(_ name: String, at index: Int, _ message: String) {
        var place = self.node
        if let field = self.fields.first(where: { $0.name == name }) {
            place = field.node
            if case .array(let nodes) = place.value, nodes.indices.contains(index) {
                place = nodes[index]
            }
        }
        self.add(message, at: self.location.field(name).index(index), place)
    }

    /// Reports that the fields together are wrong.
    public mutating func failEntity(_ message: String) {
        self.fail(FieldPath.entityField, message)
    }

    /// Reports every field that was never asked for.
    public mutating func finish() {
        for (field, isKnown) in zip(self.fields, self.isKnown) where !isKnown {
            self.findings.append(
                Finding(
                    at: self.location.field(field.name),
                    "unknown field",
                    line: field.line ?? field.node.line,
                    column: field.column ?? field.node.column
                )
            )
        }
    }

    /// Takes over the findings of a reader of an object inside this one.
    mutating func absorb(_ inner: RecordReader) { self.findings += inner.findings }

    mutating func add(_ message: String, at location: FieldPath, _ node: DocumentNode) {
        let finding = Finding(at: location, message, line: node.line, column: node.column)
        self.findings.append(finding)
    }
}

extension RecordReader {
    /// A text; `check` returns what is wrong with it.
    public mutating func string(
        _ name: String,
        mayBeEmpty: Bool = false,
        check: (String) -> String? = { _ in nil }
    ) -> String? {
        guard let node = self.value(name) else { return nil }
        guard case .string(let text) = node.value else {
            self.fail(name, "expected a string")
            return nil
        }
        if text.isEmpty, !mayBeEmpty {
            self.fail(name, "length must be at least 1")
            return nil
        }
        if let message = check(text) { self.fail(name, message) }
        return text
    }

    /// A text that must be there; empty when it is not.
    public mutating func requiredString(
        _ name: String,
        check: (String) -> String? = { _ in nil }
    ) -> String {
        if self.value(name) == nil { self.fail(name, "required field missing") }
        return self.string(name, check: check) ?? ""
    }

    /// A whole number in a range, or `nil` when the field is absent.
    public mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = self.value(name) else { return nil }
        guard let number = Self.integer(node.value) else {
            self.fail(name, "expected an integer")
            return nil
        }
        guard range.contains(number) else {
            self.fail(name, Self.outside(range))
            return nil
        }
        return number
    }

    /// A whole number of any size, or `nil` when the field is absent.
    public mutating func integer(_ name: String) -> Int? {
        self.integer(name, in: Int.min...Int.max)
    }

    /// A number in a range, or `nil` when the field is absent.
    public mutating func number(_ name: String, in range: ClosedRange<Double>) -> Double? {
        guard let node = self.value(name) else { return nil }
        guard let number = Self.number(node.value) else {
            self.fail(name, "expected a number")
            return nil
        }
        guard range.contains(number) else {
            let bounds = (Self.plain(range.lowerBound), Self.plain(range.upperBound))
            self.fail(name, "value should be between \(bounds.0) and \(bounds.1)")
            return nil
        }
        return number
    }

    /// A truth value, or `nil` when the field is absent.
    public mutating func bool(_ name: String) -> Bool? {
        guard let node = self.value(name) else { return nil }
        guard case .bool(let flag) = node.value else {
            self.fail(name, "expected a boolean")
            return nil
        }
        return flag
    }

    /// One of the cases of a type, or `nil` when the field is absent.
    public mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String,
        of type: Choice.Type = Choice.self
    ) -> Choice? {
        // YAML reads a bare `off` as false, and `on` as true.
        if case .bool(let flag) = self.value(name)?.value,
            let choice = Choice(rawValue: flag ? "on" : "off")
        {
            return choice
        }
        guard let text = self.string(name, mayBeEmpty: true) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            self.fail(name, Self.expectedOne(of: type))
            return nil
        }
        return choice
    }

    /// A set of cases of a type in the order of the document, or `nil` when the field is absent.
    public mutating func choices<Choice: CaseIterable & RawRepresentable<String> & Equatable>(
        _ name: String,
        of type: Choice.Type = Choice.self
    ) -> [Choice]? {
        guard let nodes = self.nodes(name, "expected a set") else { return nil }
        var result: [Choice] = []
        for (index, node) in nodes.enumerated() {
            guard case .string(let text) = node.value else {
                self.fail(name, at: index, "expected a string")
                continue
            }
            guard let choice = Choice(rawValue: text) else {
                self.fail(name, at: index, Self.expectedOne(of: type))
                continue
            }
            if !result.contains(choice) { result.append(choice) }
        }
        return result
    }

    /// Texts in order, without repetitions when they are a set; empty when the field is absent.
    public mutating func strings(
        _ name: String,
        isSet: Bool = false,
        check: (String) -> String? = { _ in nil }
    ) -> [String] {
        guard let nodes = self.nodes(name, isSet ? "expected a set" : "expected an array") else {
            return []
        }
        var result: [String] = []
        // Only of sets; lists may repeat.
        var seen: Set<String> = []
        for (index, node) in nodes.enumerated() {
            guard case .string(let text) = node.value else {
                self.fail(name, at: index, "expected a string")
                continue
            }
            if text.isEmpty {
                self.fail(name, at: index, "length must be at least 1")
            } else if let message = check(text) {
                self.fail(name, at: index, message)
            }
            if !isSet || seen.insert(text).inserted { result.append(text) }
        }
        return result
    }

    /// Whole numbers in a range, or `nil` when the field is absent.
    public mutating func integers(_ name: String, in range: ClosedRange<Int>) -> [Int]? {
        guard let nodes = self.nodes(name, "expected an array") else { return nil }
        var result: [Int] = []
        for (index, node) in nodes.enumerated() {
            guard let number = Self.integer(node.value) else {
                self.fail(name, at: index, "expected an integer")
                continue
            }
            guard range.contains(number) else {
                self.fail(name, at: index, Self.outside(range))
                continue
            }
            result.append(number)
        }
        return result
    }

    /// Names with their values, lower-cased and sorted; empty when the field is absent.
    public mutating func headers(
        _ name: String,
        check: (String) -> String?
    ) -> [HeaderValues] {
        guard let node = self.value(name) else { return [] }
        guard case .object(let fields) = node.value else {
            self.fail(name, "expected a map")
            return []
        }
        var inner = RecordReader(node, at: self.location.field(name))
        var result: [HeaderValues] = []
        for field in fields {
            if let message = check(field.name) { inner.fail(field.name, message) }
            let header = HeaderValues(
                name: field.name.lowercased(),
                values: inner.strings(field.name)
            )
            if header.values.isEmpty, inner.findings.isEmpty {
                inner.fail(field.name, "length must be at least 1")
            }
            result.append(header)
        }
        self.absorb(inner)
        return result.sorted { $0.name < $1.name }
    }

    /// A reference to another entity, `{"id": "…"}`; `nil` when the field is absent.
    public mutating func reference(_ name: String) -> EntityID? {
        guard let node = self.value(name) else { return nil }
        guard case .object = node.value else {
            self.fail(name, "expected a record")
            return nil
        }
        var inner = RecordReader(node, at: self.location.field(name))
        let id = inner.identifier("id")
        inner.finish()
        self.absorb(inner)
        return id
    }

    /// A UUID; the zero UUID when it is missing or wrong.
    public mutating func identifier(_ name: String) -> EntityID {
        let text = self.requiredString(name)
        if let id = EntityID(text) { return id }
        if !text.isEmpty { self.fail(name, "expected a valid UUID") }
        return EntityID(high: 0, low: 0)
    }

    /// An object inside this one; its reader is empty when the field is absent.
    public mutating func record<Value>(
        _ name: String,
        _ read: (inout RecordReader) -> Value
    ) -> Value {
        let node = self.value(name) ?? DocumentNode(.null, line: self.node.line)
        var inner = RecordReader(node, at: self.location.field(name))
        let value = read(&inner)
        inner.finish()
        self.absorb(inner)
        return value
    }

    /// The elements of a list; `nil` when the field is absent or no list.
    mutating func nodes(_ name: String, _ message: String) -> [DocumentNode]? {
        guard let node = self.value(name) else { return nil }
        switch node.value {
        case .array(let nodes):
            return nodes
        case .object(let fields) where fields.isEmpty:
            return []
        case .null, .bool, .integer, .number, .string, .object:
            self.fail(name, message)
            return nil
        }
    }

    private static func integer(_ value: DocumentValue) -> Int? {
        switch value {
        case .integer(let number): Int(exactly: number)
        case .number(let number): Int(exactly: number)
        case .null, .bool, .string, .array, .object: nil
        }
    }

    private static func number(_ value: DocumentValue) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .number(let number): number
        case .null, .bool, .string, .array, .object: nil
        }
    }

    private static func outside(_ range: ClosedRange<Int>) -> String {
        "value should be between \(range.lowerBound) and \(range.upperBound)"
    }

    private static func plain(_ number: Double) -> String {
        Int64(exactly: number).map { String($0) } ?? String(number)
    }

    private static func expectedOne<Choice: CaseIterable & RawRepresentable<String>>(
        of type: Choice.Type
    ) -> String {
        "expected one of: " + type.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
