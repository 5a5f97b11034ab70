import MeshEntities

/// The description of the Admin API, made from the table that answers it.
///
/// Source: the OpenAPI Specification, version 3.0.3.
struct OpenAPIDocument {
    private let paths: [AdminPath]

    init(_ paths: [AdminPath]) { self.paths = paths }

    var document: DocumentValue {
        var seen: Set<String> = []
        let items = self.paths.filter { seen.insert($0.template).inserted }
            .map { DocumentField($0.template, Self.item($0)) }
        return .record([
            "openapi": .string("3.0.3"),
            "info": .record([
                "title": .string("Meshgate Admin API"),
                "description": .string(
                    "Kong's Admin API, written to at any node, and /mesh for what the mesh knows."
                ),
                "version": .string(KongRelease.version),
            ]),
            "paths": .object(items),
            "components": .record([
                "schemas": .object(Self.schemas),
                "securitySchemes": .record([
                    "token": .record(["type": .string("http"), "scheme": .string("bearer")])
                ]),
            ]),
            "security": .list([.record([:]), .record(["token": .list([])])]),
        ])
    }

    private static func item(_ path: AdminPath) -> DocumentValue {
        let names = path.pattern.filter { $0.hasPrefix(":") }.map { String($0.dropFirst()) }
        let parameters = names.map { name in
            DocumentValue.record([
                "name": .string(name), "in": .string("path"), "required": .bool(true),
                "schema": .record(["type": .string("string"), "minLength": .integer(1)]),
            ])
        }
        var fields = path.methods.map { method in
            DocumentField(method.name.lowercased(), Self.operation(method, path))
        }
        if !parameters.isEmpty { fields.append(DocumentField("parameters", .list(parameters))) }
        return .object(fields)
    }

    private static func operation(_ method: AdminPath.Method, _ path: AdminPath) -> DocumentValue {
        let words = path.pattern.map { String($0.drop { $0 == ":" }) }
        var fields = [
            DocumentField(
                "operationId",
                .string(([method.name.lowercased()] + words).joined(separator: "-"))
            ),
            DocumentField(
                "summary",
                .string(method.summary.isEmpty ? path.template : method.summary)
            ),
        ]
        switch method.output {
        case .page: fields.append(DocumentField("parameters", .list(Self.pageParameters)))
        case .plain, .entity: break
        }
        switch method.input {
        case .entity(let kind):
            let content = DocumentValue.record(["schema": Self.reference(kind, isInput: true)])
            fields.append(
                DocumentField(
                    "requestBody",
                    .record([
                        "content": .record([
                            "application/json": content,
                            "application/x-www-form-urlencoded": content,
                            "multipart/form-data": content,
                        ])
                    ])
                )
            )
        case .plain, .page: break
        }
        fields.append(DocumentField("responses", Self.responses(method)))
        return .object(fields)
    }

    private static let pageParameters: [DocumentValue] = [
        (
            "size",
            DocumentValue.record([
                "type": .string("integer"), "minimum": .integer(1), "maximum": .integer(1_000),
            ])
        ),
        ("offset", .record(["type": .string("string")])),
        ("tags", .record(["type": .string("string")])),
    ].map { name, schema in
        .record(["name": .string(name), "in": .string("query"), "schema": schema])
    }

    /// What an operation on entities answers with, status by status; others only say their success.
    private static func responses(_ method: AdminPath.Method) -> DocumentValue {
        let content: DocumentValue?
        switch method.output {
        case .plain: content = nil
        case .entity(let kind): content = Self.reference(kind, isInput: false)
        case .page(let kind):
            content = .record([
                "type": .string("object"),
                "required": .list([.string("data"), .string("next")]),
                "properties": .record([
                    "data": .record([
                        "type": .string("array"), "items": Self.reference(kind, isInput: false),
                    ]),
                    "next": .record(["type": .string("string"), "nullable": .bool(true)]),
                    "offset": .record(["type": .string("string")]),
                ]),
            ])
        }
        var fields = [
            DocumentField("\(method.status)", Self.response("Done", content))
        ]
        if method.status != 200, method.status != 201, content == nil {
            fields[0] = DocumentField("\(method.status)", .record(["description": .string("Done")]))
        }
        fields.append(DocumentField("default", Self.response("Refused", Self.errorReference)))
        return .object(fields)
    }

    private static func response(
        _ description: String,
        _ schema: DocumentValue?
    ) -> DocumentValue {
        guard let schema else { return .record(["description": .string(description)]) }
        return .record([
            "description": .string(description),
            "content": .record(["application/json": .record(["schema": schema])]),
        ])
    }

    private static let errorReference = DocumentValue.record([
        "$ref": .string("#/components/schemas/error")
    ])

    private static func reference(_ kind: EntityKind, isInput: Bool) -> DocumentValue {
        let name = kind.singular + (isInput ? "-input" : "")
        return .record(["$ref": .string("#/components/schemas/\(name)")])
    }
}

extension OpenAPIDocument {
    private static let schemas: [DocumentField] =
        EntityKind.allCases.flatMap { kind in
            [
                DocumentField(kind.singular, Self.object(kind.fields, isInput: false)),
                DocumentField(
                    "\(kind.singular)-input",
                    Self.object(Self.inputs(kind), isInput: true)
                ),
            ]
        } + [
            DocumentField(
                "error",
                .record([
                    "type": .string("object"),
                    "properties": .record([
                        "message": .record(["type": .string("string")]),
                        "name": .record(["type": .string("string")]),
                        // A number of Kong's, or a text like MESH104.
                        "code": .record([:]),
                        "fields": .record(["type": .string("object")]),
                    ]),
                ])
            )
        ]

    private static func inputs(_ kind: EntityKind) -> [FieldSchema] {
        switch kind {
        case .services: kind.fields + [FieldSchema("url", .string)]
        case .certificates: kind.fields + [FieldSchema("snis", .set(.string))]
        case .routes, .upstreams, .targets, .plugins, .consumers, .snis, .caCertificates,
            .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
            .hmacCredentials, .certificateCredentials, .aclGroups, .vaults, .keySets, .keys:
            kind.fields
        }
    }

    private static func object(_ fields: [FieldSchema], isInput: Bool) -> DocumentValue {
        .record([
            "type": .string("object"),
            "properties": .object(
                fields.map { DocumentField($0.name, Self.property($0, isInput: isInput)) }
            ),
        ])
    }

    private static func property(_ field: FieldSchema, isInput: Bool) -> DocumentValue {
        // Settings of a plugin depend on the plugin: `/schemas/plugins/{name}`.
        var fields =
            field.name == "config"
            ? [DocumentField("type", .string("object"))] : Self.type(field, isInput: isInput)
        fields.append(DocumentField("nullable", .bool(true)))
        if let standard = field.standard { fields.append(DocumentField("default", standard)) }
        if let range = field.range {
            fields.append(DocumentField("minimum", DocumentValue(range.lowerBound)))
            fields.append(DocumentField("maximum", DocumentValue(range.upperBound)))
        }
        return .object(fields)
    }

    private static func type(_ field: FieldSchema, isInput: Bool) -> [DocumentField] {
        var fields = Self.type(field.shape, isInput: isInput)
        guard !field.choices.isEmpty else { return fields }
        let choices = DocumentField("enum", .list(field.choices.map { .string($0) }))
        switch field.shape {
        case .set:
            fields[1] = DocumentField(
                "items",
                .object([DocumentField("type", .string("string")), choices])
            )
        case .string, .integer, .number, .boolean, .array, .map, .record, .foreign:
            // A value that may be null must name it among its choices.
            fields.append(
                DocumentField("enum", .list(field.choices.map { .string($0) } + [.null]))
            )
        }
        return fields
    }

    private static func type(_ shape: FieldSchema.Shape, isInput: Bool) -> [DocumentField] {
        switch shape {
        case .string: [DocumentField("type", .string("string"))]
        case .integer: [DocumentField("type", .string("integer"))]
        case .number: [DocumentField("type", .string("number"))]
        case .boolean: [DocumentField("type", .string("boolean"))]
        case .set(let element), .array(let element):
            [
                DocumentField("type", .string("array")),
                DocumentField("items", .object(Self.type(element, isInput: isInput))),
            ]
        case .map(let value):
            [
                DocumentField("type", .string("object")),
                DocumentField(
                    "additionalProperties",
                    .object(Self.type(value, isInput: isInput))
                ),
            ]
        case .record(let inner): Self.object(inner, isInput: isInput).fields ?? []
        case .foreign:
            [
                DocumentField("type", .string("object")),
                DocumentField(
                    "properties",
                    .record(["id": .record(["type": .string("string")])])
                ),
            ]
        }
    }
}
