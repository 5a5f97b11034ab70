extension EntityKind {
    private static let owner = FieldSchema.required("consumer", .foreign(.consumers))
    private static let creation = FieldSchema.automatic("created_at", .integer)

    private static func generated(_ name: String, isUnique: Bool, isSecret: Bool) -> FieldSchema {
        var field = FieldSchema.automatic(name, .string)
        field.isUnique = isUnique
        field.isSecret = isSecret
        return field
    }

    static let groupFields: [FieldSchema] = [id, .unique("name", isRequired: true), tags] + times

    static let memberFields: [FieldSchema] = [
        id, owner, .required("consumer_group", .foreign(.consumerGroups)), creation,
    ]

    static let keyFields: [FieldSchema] = [
        id, generated("key", isUnique: true, isSecret: true), owner, FieldSchema("ttl", .integer),
        tags, creation,
    ]

    static let passwordFields: [FieldSchema] = [
        id, .unique("username", isRequired: true), .secret("password", isRequired: true), owner,
        tags, creation,
    ]

    static let tokenFields: [FieldSchema] = [
        id, generated("key", isUnique: true, isSecret: false),
        generated("secret", isUnique: false, isSecret: true),
        FieldSchema("rsa_public_key", .string),
        .choice("algorithm", JWTSecret.Algorithm.allCases.map(\.rawValue), "HS256"), owner, tags,
        creation,
    ]

    static let signatureFields: [FieldSchema] = [
        id, .unique("username", isRequired: true),
        generated("secret", isUnique: false, isSecret: true), owner, tags, creation,
    ]

    static let certificateNameFields: [FieldSchema] = [
        id, .required("subject_name", .string),
        FieldSchema("ca_certificate", .foreign(.caCertificates)), owner, tags, creation,
    ]

    static let accessFields: [FieldSchema] = [
        id, .required("group", .string), owner, tags, creation,
    ]
}
