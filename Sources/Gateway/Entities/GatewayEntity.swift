/// What all kinds of entities have in common: a key, a form as a document, and a reader of it.
public protocol GatewayEntity: Equatable, Sendable {
    /// The collection it belongs to.
    static var kind: EntityKind { get }
    /// Primary key.
    var id: EntityID { get }
    /// Name or other natural key, when it has one.
    var naturalKey: String? { get }
    /// Whether the natural key is a secret, which is shown to nobody as a name.
    static var hasSecretKey: Bool { get }
    /// Labels.
    var tags: [String] { get }
    /// Every field that Kong has, unset ones as null, in Kong's documented order.
    var document: DocumentValue { get }
    /// Reads an entity; wrong fields become findings of the reader and read as defaults.
    init(reading reader: inout RecordReader)
}

extension GatewayEntity {
    /// False, as for most.
    public static var hasSecretKey: Bool { false }

    /// Reads an entity and everything that is wrong with it.
    public static func decode(
        _ node: DocumentNode,
        at location: FieldPath = .root,
        findings: inout [Finding]
    ) -> Self {
        var reader = RecordReader(node, at: location)
        let entity = Self(reading: &reader)
        reader.finish()
        findings += reader.findings
        return entity
    }

    /// Reads an entity that must be right.
    ///
    /// - Throws: ``EntityErrors`` with everything that is wrong.
    public init(decoding node: DocumentNode, at location: FieldPath = .root) throws(EntityErrors) {
        var findings: [Finding] = []
        let entity = Self.decode(node, at: location, findings: &findings)
        guard findings.isEmpty else { throw EntityErrors(findings) }
        self = entity
    }
}

extension DocumentValue {
    /// A set or list of texts; null when empty, as Kong shows unset fields.
    static func texts(_ texts: [String]) -> DocumentValue {
        texts.isEmpty ? .null : .list(texts.map { .string($0) })
    }

    /// A reference as Kong shows it.
    static func reference(_ id: EntityID?) -> DocumentValue {
        id.map { .record(["id": .string($0.description)]) } ?? .null
    }

    /// Headers as Kong shows them; null when empty.
    static func headers(_ headers: [HeaderValues]) -> DocumentValue {
        headers.isEmpty
            ? .null
            : .object(headers.map { DocumentField($0.name, .texts($0.values)) })
    }

    /// Protocols as Kong shows them.
    static func protocols(_ protocols: [GatewayProtocol]) -> DocumentValue {
        .texts(protocols.map(\.rawValue))
    }
}

extension RecordReader {
    /// Labels.
    mutating func tags() -> [String] { self.strings("tags", isSet: true, check: TextRule.tag) }

    /// Unix seconds.
    mutating func seconds(_ name: String) -> Int? { self.integer(name, in: 0...Int.max) }

    /// A text with Kong's rule for names.
    mutating func name(_ field: String) -> String? { self.string(field, check: TextRule.name) }

    /// A list of references by bare UUID.
    mutating func identifiers(_ name: String) -> [EntityID] {
        let texts = self.strings(name) {
            EntityID($0) == nil ? "expected a valid UUID" : nil
        }
        return texts.compactMap { EntityID($0) }
    }
}
