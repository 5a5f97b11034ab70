/// A value of a JSON or YAML document, before it is known what it means.
public enum DocumentValue: Equatable, Sendable {
    /// No value.
    case null
    /// A truth value.
    case bool(Bool)
    /// A whole number.
    case integer(Int64)
    /// Any other finite number.
    case number(Double)
    /// A text.
    case string(String)
    /// Values in order.
    case array([DocumentNode])
    /// Named values in the order of the document; names do not repeat.
    case object([DocumentField])
}

/// A value and where it stands in its file; equality ignores the place.
public struct DocumentNode: Equatable, Sendable {
    /// What stands there.
    public var value: DocumentValue
    private let place: DocumentPlace
    /// Line, counted from 1; `nil` when the value did not come from a text.
    public var line: Int? { self.place.line }
    /// Column, counted from 1; `nil` when the value did not come from a text.
    public var column: Int? { self.place.column }

    /// Creates a node.
    public init(_ value: DocumentValue, line: Int? = nil, column: Int? = nil) {
        self.value = value
        self.place = DocumentPlace(line: line, column: column)
    }

    /// Compares values only.
    public static func == (left: DocumentNode, right: DocumentNode) -> Bool {
        left.value == right.value
    }
}

/// A place in a text in eight bytes: a document has one for each of its values and names.
private struct DocumentPlace: Sendable {
    private let storedLine: UInt32
    private let storedColumn: UInt32

    init(line: Int?, column: Int?) {
        self.storedLine = UInt32(clamping: line ?? 0)
        self.storedColumn = UInt32(clamping: column ?? 0)
    }

    var line: Int? { self.storedLine == 0 ? nil : Int(self.storedLine) }
    var column: Int? { self.storedColumn == 0 ? nil : Int(self.storedColumn) }
}

/// One named value of an object and where the name stands; equality ignores the place.
public struct DocumentField: Equatable, Sendable {
    /// The name.
    public var name: String
    /// The value with its place.
    public var node: DocumentNode
    private let place: DocumentPlace
    /// Line of the name, counted from 1.
    public var line: Int? { self.place.line }
    /// Column of the name, counted from 1.
    public var column: Int? { self.place.column }

    /// Creates a field.
    public init(_ name: String, _ node: DocumentNode, line: Int? = nil, column: Int? = nil) {
        self.name = name
        self.node = node
        self.place = DocumentPlace(line: line, column: column)
    }

    /// Creates a field that did not come from a text.
    public init(_ name: String, _ value: DocumentValue) {
        self.init(name, DocumentNode(value))
    }

    /// Whether the name has these very bytes; texts that only look the same are other names.
    public func isNamed(_ name: String) -> Bool {
        self.isCalled(name) && self.name.utf8.elementsEqual(name.utf8)
    }

    /// Whether the name is this one, which is of ASCII.
    ///
    /// Most names that differ do so in their length, which costs no call.
    func isCalled(_ name: String) -> Bool {
        self.name.utf8.count == name.utf8.count && self.name == name
    }

    /// Compares name and value.
    public static func == (left: DocumentField, right: DocumentField) -> Bool {
        left.name == right.name && left.node == right.node
    }
}

extension DocumentValue {
    /// A number in its one form: an integer when it is whole and fits, so that a value reads back
    /// from text as it was written.
    public init(_ number: Double) {
        if let whole = Int64(exactly: number) {
            self = .integer(whole)
        } else {
            self = .number(number)
        }
    }

    /// A text, or null.
    public init(_ text: String?) { self = text.map { .string($0) } ?? .null }

    /// A whole number, or null.
    public init(_ number: Int?) { self = number.map { .integer(Int64($0)) } ?? .null }

    /// A truth value, or null.
    public init(_ flag: Bool?) { self = flag.map { .bool($0) } ?? .null }

    /// An array without places.
    public static func list(_ values: [DocumentValue]) -> DocumentValue {
        .array(values.map { DocumentNode($0) })
    }

    /// An object without places.
    public static func record(_ fields: KeyValuePairs<String, DocumentValue>) -> DocumentValue {
        .object(fields.map { DocumentField($0.key, $0.value) })
    }

    /// The value of a field, or `nil` when this is no object or has no such field.
    public subscript(name: String) -> DocumentValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.isCalled(name) }?.node.value
    }

    /// The text of a string.
    public var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements of an array without their places.
    public var elements: [DocumentValue]? {
        guard case .array(let nodes) = self else { return nil }
        return nodes.map(\.value)
    }

    /// The fields of an object.
    public var fields: [DocumentField]? {
        guard case .object(let fields) = self else { return nil }
        return fields
    }

    /// Whether this is null.
    public var isNull: Bool { if case .null = self { true } else { false } }
}
