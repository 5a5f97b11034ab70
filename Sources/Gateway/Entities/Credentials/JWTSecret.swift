/// A secret or a public key by which tokens of a consumer are checked, for the plugin `jwt`.
public struct JWTSecret: Equatable, Sendable {
    /// How tokens are signed.
    ///
    /// Source: RFC 7518 section 3.1, RFC 8037 section 3.1.
    public enum Algorithm: String, CaseIterable, Sendable {
        /// HMAC with SHA-256.
        case hs256 = "HS256"
        /// HMAC with SHA-384.
        case hs384 = "HS384"
        /// HMAC with SHA-512.
        case hs512 = "HS512"
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        case rs256 = "RS256"
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        case rs384 = "RS384"
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        case rs512 = "RS512"
        /// ECDSA on P-256 with SHA-256.
        case es256 = "ES256"
        /// ECDSA on P-384 with SHA-384.
        case es384 = "ES384"
        /// ECDSA on P-521 with SHA-512.
        case es512 = "ES512"
        /// RSASSA-PSS with SHA-256.
        case ps256 = "PS256"
        /// RSASSA-PSS with SHA-384.
        case ps384 = "PS384"
        /// RSASSA-PSS with SHA-512.
        case ps512 = "PS512"
        /// Ed25519 or Ed448.
        case edDSA = "EdDSA"

        /// Whether both sides know one secret.
        public var isSymmetric: Bool {
            switch self {
            case .hs256, .hs384, .hs512: true
            case .rs256, .rs384, .rs512, .es256, .es384, .es512, .ps256, .ps384, .ps512, .edDSA:
                false
            }
        }
    }

    /// Primary key.
    public var id: EntityID
    /// Whose tokens they are.
    public var consumer: EntityID
    /// What tokens name the credential by, unique.
    public var key: String
    /// The secret of a symmetric algorithm; unused with others.
    public var secret: String?
    /// The public key of an asymmetric algorithm, PEM.
    public var publicKey: String?
    /// The only algorithm that tokens may use; default HS256.
    public var algorithm = Algorithm.hs256
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Creates a credential.
    public init(id: EntityID, consumer: EntityID, key: String, secret: String? = nil) {
        self.id = id
        self.consumer = consumer
        self.key = key
        self.secret = secret
    }
}

extension JWTSecret: GatewayEntity {
    /// `jwt_secrets`.
    public static let kind = EntityKind.jwtSecrets

    /// The key.
    public var naturalKey: String? { self.key }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "key": .string(self.key),
            "secret": DocumentValue(self.secret),
            "rsa_public_key": DocumentValue(self.publicKey),
            "algorithm": .string(self.algorithm.rawValue),
            "consumer": .reference(self.consumer),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a credential.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.key = reader.requiredString("key")
        self.secret = reader.string("secret")
        self.publicKey = reader.string("rsa_public_key")
        self.algorithm = reader.choice("algorithm") ?? .hs256
        self.consumer = reader.requiredReference("consumer")
        self.tags = reader.tags()
        self.createdAt = reader.creation()
        if self.algorithm.isSymmetric {
            if self.secret == nil { reader.fail("secret", "required field missing") }
        } else if self.publicKey == nil {
            // As Kong's conditional of the field.
            reader.fail("rsa_public_key", "required field missing")
        }
    }
}
