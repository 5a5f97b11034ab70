public import MeshPrimitives

/// What the structure of a configuration needs to know of one entity.
public struct EntityFacts: Equatable, Sendable {
    /// What only one entity may have, such as `services.name=shop`.
    public var claims: [String]
    /// Whether a claim has a secret in it, which no reason of a refusal may tell.
    public var hasSecretClaims: Bool
    /// Keys of entities that must exist while this one does.
    public var references: [String]
    /// Claims that some entity must hold while this one exists, such as `vaults.prefix=shop`.
    public var needs: [String]
    /// Why the content cannot be an entity at all; `nil` when it can.
    public var fault: String?
    /// Whether the entity is kept beside the configuration: nobody routes by it, so that it is not in
    /// the hash.
    public var isAside: Bool

    /// Creates facts.
    public init(
        claims: [String] = [],
        hasSecretClaims: Bool = false,
        references: [String] = [],
        needs: [String] = [],
        fault: String? = nil,
        isAside: Bool = false
    ) {
        self.claims = claims
        self.hasSecretClaims = hasSecretClaims
        self.references = references
        self.needs = needs
        self.fault = fault
        self.isAside = isAside
    }
}

/// What replay needs from outside: a hash, and the facts that decide whether a changeset stands.
///
/// Must be pure and equal in every version of the software that meets in one mesh: on these, and on
/// nothing else, depends whether two nodes agree.
public struct StructuralRules: Sendable {
    /// Reads an entity's facts from its key and content.
    public let facts: @Sendable (String, [UInt8]) -> EntityFacts
    /// A cryptographic hash of 16 bytes.
    public let hash: @Sendable ([UInt8]) -> ContentHash
    /// For simulations only: what the log does wrong.
    package var flaw: ChangelogFlaw?

    /// Creates rules.
    public init(
        facts: @escaping @Sendable (String, [UInt8]) -> EntityFacts,
        hash: @escaping @Sendable ([UInt8]) -> ContentHash
    ) {
        self.facts = facts
        self.hash = hash
    }
}
