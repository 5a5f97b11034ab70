/// A store of secrets under a name that references use: `{vault://my-env/key}`.
///
/// Source: Kong's `kong/db/schema/entities/vaults.lua` and `kong/vaults/env/schema.lua`, version 3.9.
public struct Vault: Equatable, Sendable {
    /// The only store that is built, and its name: the node's own environment.
    public static let environment = "env"

    /// Primary key.
    public var id: EntityID
    /// What references call it, unique.
    public var prefix: String
    /// Which store it is: `env`.
    public var name = Self.environment
    /// For people.
    public var description: String?
    /// Goes before the name of every variable.
    public var variablePrefix: String?
    /// Whether variables hold their secrets in base64.
    public var isBase64 = false
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a vault over the environment.
    public init(id: EntityID, prefix: String) {
        self.id = id
        self.prefix = prefix
    }
}

extension Vault: GatewayEntity {
    /// `vaults`.
    public static let kind = EntityKind.vaults

    /// The prefix.
    public var naturalKey: String? { self.prefix }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "prefix": .string(self.prefix),
            "name": .string(self.name),
            "description": DocumentValue(self.description),
            "config": .record([
                "prefix": DocumentValue(self.variablePrefix),
                "base64_decode": .bool(self.isBase64),
            ]),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a vault.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.prefix = reader.requiredString("prefix", check: Self.prefixFault)
        self.name = reader.requiredString("name", check: Self.nameFault)
        self.description = reader.string("description")
        (self.variablePrefix, self.isBase64) = reader.record("config") { config in
            (
                config.string("prefix", check: Self.variableFault),
                config.bool("base64_decode") ?? false
            )
        }
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }

    private static func prefixFault(_ text: String) -> String? {
        if text == Self.environment { return "must not be one of: \(Self.environment)" }
        let bytes = Array(text.utf8)
        let isLegal = bytes.allSatisfy { Self.isDigit($0) || Self.isLower($0) || $0 == 0x2D }
        guard isLegal, bytes.count >= 2, Self.isLower(bytes[0]), bytes.last != 0x2D else {
            return "invalid value: \(text)"
        }
        return nil
    }

    private static func nameFault(_ text: String) -> String? {
        text == Self.environment
            ? nil : "vault '\(text)' is not installed; only '\(Self.environment)' is"
    }

    private static func variableFault(_ text: String) -> String? {
        let isLegal = text.utf8.allSatisfy {
            Self.isDigit($0) || Self.isLower($0 | 0x20) || $0 == 0x2D || $0 == 0x5F
        }
        guard isLegal, let first = text.utf8.first, !Self.isDigit(first) else {
            return "invalid value: \(text)"
        }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
}
