/// Keys that belong together.
///
/// Source: Kong's `kong/db/schema/entities/key_sets.lua`, version 3.9.
public struct KeySet: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Unique name.
    public var name: String?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a key set.
    public init(id: EntityID, name: String? = nil) {
        self.id = id
        self.name = name
    }
}

extension KeySet: GatewayEntity {
    /// `key_sets`.
    public static let kind = EntityKind.keySets

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": DocumentValue(self.name),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a key set.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.name = reader.name("name")
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }
}

/// A public key, or a pair, as JWK or PEM; kept for clients of the Admin API, no plugin here uses it.
///
/// Source: Kong's `kong/db/schema/entities/keys.lua`, version 3.9.
public struct Key: Equatable, Sendable {
    /// A key in PEM.
    public struct PEM: Equatable, Sendable {
        /// The private half.
        public var privateKey: String?
        /// The public half.
        public var publicKey: String?
    }

    /// Primary key.
    public var id: EntityID
    /// The set that it belongs to.
    public var set: EntityID?
    /// Unique name.
    public var name: String?
    /// What tokens call it, unique in its set.
    public var kid: String
    /// A JSON Web Key (RFC 7517) as text; there is either this or ``pem``.
    public var jwk: String?
    /// The key in PEM.
    public var pem: PEM?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a key from a JSON Web Key.
    public init(id: EntityID, kid: String, jwk: String) {
        self.id = id
        self.kid = kid
        self.jwk = jwk
    }
}

extension Key: GatewayEntity {
    /// `keys`.
    public static let kind = EntityKind.keys

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "set": .reference(self.set),
            "name": DocumentValue(self.name),
            "kid": .string(self.kid),
            "jwk": DocumentValue(self.jwk),
            "pem": self.pem.map { pem in
                .record([
                    "private_key": DocumentValue(pem.privateKey),
                    "public_key": DocumentValue(pem.publicKey),
                ])
            } ?? .null,
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a key; only the frame of PEM texts is checked here.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.set = reader.reference("set")
        self.name = reader.name("name")
        self.kid = reader.requiredString("kid")
        self.jwk = reader.string("jwk")
        let hasPEM = reader.value("pem") != nil
        let pem = reader.record("pem") { pem in
            PEM(
                privateKey: pem.string("private_key", check: PEMRule.key),
                publicKey: pem.string("public_key", check: PEMRule.publicKey)
            )
        }
        self.pem = hasPEM ? pem : nil
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        guard (self.jwk == nil) != (self.pem == nil) else {
            reader.failEntity("exactly one of these fields must be non-empty: 'jwk', 'pem'")
            return
        }
        if let fault = self.jwk.flatMap({ Self.fault(of: $0, kid: self.kid) }) {
            reader.fail("jwk", fault)
        }
    }

    private static func fault(of jwk: String, kid: String) -> String? {
        guard VaultReference(jwk) == nil else { return nil }
        guard let fields = try? JSONText.parse(Array(jwk.utf8)).value, fields.fields != nil else {
            return "could not json decode jwk string"
        }
        return fields["kid"]?.text == kid ? nil : "kid in jwk.kid must be equal to keys.kid"
    }
}
