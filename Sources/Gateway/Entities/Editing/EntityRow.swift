/// One entity as the Admin API shows it.
public struct EntityRow: Equatable, Sendable {
    /// Its collection.
    public var kind: EntityKind
    /// Its primary key.
    public var id: EntityID
    /// All of Kong's fields of it, nulls included.
    public var document: DocumentValue

    /// Creates a row.
    public init(kind: EntityKind, id: EntityID, document: DocumentValue) {
        self.kind = kind
        self.id = id
        self.document = document
    }

    /// Its labels.
    public var tags: [String] { self.document["tags"]?.elements?.compactMap(\.text) ?? [] }

    /// The document with the mask in place of secrets.
    public var shown: DocumentValue {
        var shown = self.document
        for field in self.kind.secretFields where shown[field].map({ !$0.isNull }) ?? false {
            shown.set(field, .string(Secrets.mask))
        }
        if self.kind == .keys, let pem = shown["pem"] {
            shown.set("pem", Secrets.masked(pem, at: "pem"))
        }
        return shown
    }

    /// Names this state of the entity: 16 hexadecimal digits that change whenever a field does.
    ///
    /// Source: FNV-1a (Fowler, Noll, Vo) over the canonical JSON text.
    public var fingerprint: String { Self.fingerprint(of: self.document.canonicalJSON) }

    static func fingerprint(of body: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// One step of an edit: an entity's new state, or its end.
public struct EntityChange: Equatable, Sendable {
    /// Its collection.
    public var kind: EntityKind
    /// Its primary key.
    public var id: EntityID
    /// All fields; `nil` deletes.
    public var document: DocumentValue?

    /// Creates a change.
    public init(kind: EntityKind, id: EntityID, document: DocumentValue?) {
        self.kind = kind
        self.id = id
        self.document = document
    }
}
