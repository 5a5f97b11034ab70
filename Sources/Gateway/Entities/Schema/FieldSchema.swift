/// What one field takes, as Kong's `/schemas/…` describe it.
///
/// Describes only; what checks a field is its entity's reader. A test keeps the two together.
public struct FieldSchema: Equatable, Sendable {
    /// The type of a value.
    public indirect enum Shape: Equatable, Sendable {
        /// A text.
        case string
        /// A whole number.
        case integer
        /// A number.
        case number
        /// A truth value.
        case boolean
        /// Values without repetitions.
        case set(Shape)
        /// Values in order.
        case array(Shape)
        /// Values by name.
        case map(Shape)
        /// Fields of its own.
        case record([FieldSchema])
        /// A reference to an entity.
        case foreign(EntityKind)
    }

    /// The field's name.
    public var name: String
    /// Its type.
    public var shape: Shape
    /// Whether it must be there.
    public var isRequired = false
    /// Whether no two entities share a value.
    public var isUnique = false
    /// Whether the gateway fills it in when it is not given.
    public var isAutomatic = false
    /// Whether it is a secret.
    public var isSecret = false
    /// Whether a text may be empty.
    public var takesEmpty = false
    /// What it is when it is not given.
    public var standard: DocumentValue?
    /// The only values it takes; empty for any.
    public var choices: [String] = []
    /// The range of a number.
    public var range: ClosedRange<Double>?

    /// Creates a field that may be left out.
    public init(_ name: String, _ shape: Shape) {
        self.name = name
        self.shape = shape
    }

    /// A field that must be there.
    public static func required(_ name: String, _ shape: Shape) -> FieldSchema {
        var field = FieldSchema(name, shape)
        field.isRequired = true
        return field
    }

    /// A field with a default.
    public static func standard(
        _ name: String,
        _ shape: Shape,
        _ value: DocumentValue,
        in range: ClosedRange<Double>? = nil
    ) -> FieldSchema {
        var field = FieldSchema(name, shape)
        field.standard = value
        field.range = range
        return field
    }

    /// One of a few texts, with a default.
    public static func choice(
        _ name: String,
        _ choices: [String],
        _ value: String?
    ) -> FieldSchema {
        var field = FieldSchema(name, .string)
        field.choices = choices
        field.standard = value.map { .string($0) }
        return field
    }

    /// Several of a few texts, with a default.
    public static func choices(
        _ name: String,
        _ choices: [String],
        standard: [String]
    ) -> FieldSchema {
        var field = FieldSchema(name, .array(.string))
        field.choices = choices
        field.standard = .list(standard.map { .string($0) })
        return field
    }

    /// A text that no two entities share.
    public static func unique(_ name: String, isRequired: Bool = false) -> FieldSchema {
        var field = FieldSchema(name, .string)
        field.isUnique = true
        field.isRequired = isRequired
        return field
    }

    /// A field that the gateway fills in.
    public static func automatic(_ name: String, _ shape: Shape) -> FieldSchema {
        var field = FieldSchema(name, shape)
        field.isAutomatic = true
        return field
    }

    /// A secret text.
    public static func secret(_ name: String, isRequired: Bool = false) -> FieldSchema {
        var field = FieldSchema(name, .string)
        field.isSecret = true
        field.isRequired = isRequired
        return field
    }
}

extension FieldSchema {
    /// The field as Kong's schemas print it: `{"name": {"type": "string", …}}`.
    public var document: DocumentValue {
        var fields = Self.type(self.shape)
        if self.name == "id" { fields.append(DocumentField("uuid", .bool(true))) }
        if self.name.hasSuffix("ed_at") { fields.append(DocumentField("timestamp", .bool(true))) }
        if self.isAutomatic { fields.append(DocumentField("auto", .bool(true))) }
        if self.isRequired { fields.append(DocumentField("required", .bool(true))) }
        if self.isUnique { fields.append(DocumentField("unique", .bool(true))) }
        if self.isSecret {
            fields.append(DocumentField("encrypted", .bool(true)))
            fields.append(DocumentField("referenceable", .bool(true)))
        }
        if self.takesEmpty { fields.append(DocumentField("len_min", .integer(0))) }
        if let standard { fields.append(DocumentField("default", standard)) }
        if !self.choices.isEmpty {
            let choices = self.choices.map { DocumentValue.string($0) }
            fields.append(DocumentField("one_of", .list(choices)))
        }
        if let range {
            let bounds = [range.lowerBound, range.upperBound].map { DocumentValue($0) }
            fields.append(DocumentField("between", .list(bounds)))
        }
        return .object([DocumentField(self.name, .object(fields))])
    }

    private static func type(_ shape: Shape) -> [DocumentField] {
        switch shape {
        case .string: [DocumentField("type", .string("string"))]
        case .integer: [DocumentField("type", .string("integer"))]
        case .number: [DocumentField("type", .string("number"))]
        case .boolean: [DocumentField("type", .string("boolean"))]
        case .set(let element): Self.collection("set", element)
        case .array(let element): Self.collection("array", element)
        case .map(let value):
            [
                DocumentField("type", .string("map")),
                DocumentField("keys", .record(["type": .string("string")])),
                DocumentField("values", .object(Self.type(value))),
            ]
        case .record(let fields):
            [
                DocumentField("type", .string("record")),
                DocumentField("fields", .list(fields.map(\.document))),
            ]
        case .foreign(let kind):
            [
                DocumentField("type", .string("foreign")),
                DocumentField("reference", .string(kind.rawValue)),
            ]
        }
    }

    private static func collection(_ name: String, _ element: Shape) -> [DocumentField] {
        [
            DocumentField("type", .string(name)),
            DocumentField("elements", .object(Self.type(element))),
        ]
    }
}
