/// Why a single edit is refused, in Kong's words; nothing has changed.
///
/// Source: Kong's `kong/db/errors.lua` and `kong/api/endpoints.lua`, version 3.9.
public struct EditRefusal: Error, Equatable, Sendable {
    /// HTTP status of the answer.
    public var status: Int
    /// Kong's number of the kind of error.
    public var code: Int
    /// Kong's name of the kind of error.
    public var name: String
    /// One line.
    public var message: String
    /// Kong's `fields`, or `options` with ``code`` 11; `nil` for none.
    public var fields: DocumentValue?

    /// Creates a refusal.
    public init(
        status: Int = 400,
        code: Int,
        name: String,
        message: String,
        fields: DocumentValue? = nil
    ) {
        self.status = status
        self.code = code
        self.name = name
        self.message = message
        self.fields = fields
    }

    /// Fields that are wrong, with everything that is wrong with them.
    ///
    /// - Parameter findings: at least one; their paths begin in the entity.
    /// - Returns: Kong's error of code 2.
    public static func schemaViolation(_ findings: [Finding]) -> EditRefusal {
        let tree = FindingTree(findings)
        let violations = tree.violations
        let list = violations.joined(separator: "; ")
        return EditRefusal(
            code: 2,
            name: "schema violation",
            message: violations.count == 1
                ? "schema violation (\(list))" : "\(violations.count) schema violations (\(list))",
            fields: tree.document
        )
    }

    /// A new entity has the id of another one.
    public static func primaryKeyViolation(_ id: EntityID) -> EditRefusal {
        let key = DocumentValue.record(["id": .string("\(id)")])
        return EditRefusal(
            code: 3,
            name: "primary key violation",
            message: "primary key violation on key '\(key.luaText)'",
            fields: key
        )
    }

    /// A field refers to an entity that does not exist.
    static func missingParent(_ key: ForeignKey, _ id: EntityID) -> EditRefusal {
        let shown = DocumentValue.record(["id": .string("\(id)")])
        return EditRefusal(
            code: 4,
            name: "foreign key violation",
            message: "the foreign key '\(shown.luaText)' does not reference an existing "
                + "'\(key.parent.rawValue)' entity.",
            fields: .object([DocumentField(key.field, shown)])
        )
    }

    /// An entity that is to go is still referred to.
    static func stillReferred(_ key: ForeignKey) -> EditRefusal {
        EditRefusal(
            code: 4,
            name: "foreign key violation",
            message: "an existing '\(key.child.rawValue)' entity references this "
                + "'\(key.parent.rawValue)' entity",
            fields: .record(["@referenced_by": .string(key.child.rawValue)])
        )
    }

    /// Another entity has what only one may have.
    static func uniqueViolation(_ fields: DocumentValue) -> EditRefusal {
        EditRefusal(
            status: 409,
            code: 5,
            name: "unique constraint violation",
            message: "UNIQUE violation detected on '\(fields.luaText)'",
            fields: fields
        )
    }

    /// A field refers by name to an entity that does not exist.
    static func unresolved(_ key: ForeignKey, by field: String, _ value: String) -> EditRefusal {
        let shown = DocumentValue.object([DocumentField(field, .string(value))])
        let reason =
            "the foreign key cannot be resolved with '\(shown.luaText)' for an existing "
            + "'\(key.parent.rawValue)' entity"
        return EditRefusal(
            code: 13,
            name: "foreign keys unresolved",
            message: "foreign key unresolved (\(key.field).\(field): \(reason))",
            fields: .object([
                DocumentField(key.field, .object([DocumentField(field, .string(reason))]))
            ])
        )
    }

    /// An authority that is to go is still trusted by an entity.
    static func stillTrusted(
        _ authority: EntityID,
        by kind: EntityKind,
        _ owner: EntityID
    ) -> EditRefusal {
        EditRefusal(
            code: 19,
            name: "referenced by others",
            message: "ca certificate \(authority) is still referenced by \(kind.rawValue) "
                + "(id = \(owner))"
        )
    }

    /// Kong's error object.
    public var document: DocumentValue {
        var fields = [
            DocumentField("code", .integer(Int64(self.code))),
            DocumentField("name", .string(self.name)),
            DocumentField("message", .string(self.message)),
        ]
        if let own = self.fields {
            fields.append(DocumentField(self.code == 11 ? "options" : "fields", own))
        }
        return .object(fields)
    }
}
