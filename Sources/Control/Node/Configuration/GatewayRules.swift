import MeshActivation
import MeshChangelog
import MeshEntities
import MeshPrimitives
import MeshWire

extension StructuralRules {
    /// What every configuration of the gateway obeys: unique names, and references that resolve.
    ///
    /// All versions that meet in one mesh must agree on these, or their nodes will not agree on the
    /// configuration. What else may be wrong with an entity is checked before it is written.
    static let gateway = StructuralRules.gateway(readings: nil)

    /// The same, and what is read of an entity for it is kept for whoever compiles it next.
    static func gateway(readings: EntityReadings?) -> StructuralRules {
        StructuralRules(
            facts: { key, body in GatewayRules.facts(of: key, body, readings) },
            hash: { contentHash(of: $0) }
        )
    }
}

/// Reads an entity's facts from its document.
enum GatewayRules {
    /// Kinds of what is kept beside the configuration.
    private static let asideKinds: Set<String> = [
        DesiredMode.kind, RollOut.kind, StandingOrder.kind, KeptUpgrade.kind,
    ]

    /// Facts of an entity as it is stored; of a kind that this version does not know, none.
    static func facts(
        of key: String,
        _ body: [UInt8],
        _ readings: EntityReadings? = nil
    ) -> EntityFacts {
        guard let kind = self.kinds[String(key.drop { $0 == "/" }.prefix { $0 != "/" })] else {
            return EntityFacts(isAside: self.isAside(key))
        }
        guard let node = try? JSONText.parse(body), node.value.fields != nil else {
            return EntityFacts(fault: "is not a JSON object")
        }
        readings?.add(StoredEntity(key: key, body: body), of: kind, node)
        return self.facts(of: kind, node.value)
    }

    /// Kinds by what keys begin with; a look costs less than comparing with each of them.
    private static let kinds = Dictionary(
        uniqueKeysWithValues: EntityKind.allCases.map { ($0.rawValue, $0) }
    )

    /// Facts of an entity by its document.
    static func facts(of kind: EntityKind, _ document: DocumentValue) -> EntityFacts {
        EntityFacts(
            claims: self.claims(of: kind, document),
            hasSecretClaims: kind == KeyCredential.kind,
            references: self.references(of: kind, document),
            needs: self.needs(of: kind, document)
        )
    }

    /// The vaults that an entity's secrets are in.
    private static func needs(of kind: EntityKind, _ document: DocumentValue) -> [String] {
        guard kind == .plugins || kind == .certificates else { return [] }
        let vaults = Set(document.vaults).subtracting([Vault.environment])
        return vaults.sorted().map { "\(EntityKind.vaults.rawValue).prefix=\($0)" }
    }

    /// Whether what has this key is kept beside the configuration.
    static func isAside(_ key: String) -> Bool {
        self.asideKinds.contains(String(key.drop { $0 == "/" }.prefix { $0 != "/" }))
    }

    private static func claims(of kind: EntityKind, _ document: DocumentValue) -> [String] {
        var claims = kind.uniqueFields.compactMap { field in
            document[field]?.text.map { "\(kind.rawValue).\(field)=\($0)" }
        }
        let together = kind.uniqueTogether
        if !together.isEmpty {
            let values = together.map { field in
                document.reference(field)?.description ?? document[field]?.text ?? ""
            }
            claims.append("\(kind.rawValue)=\(values.joined(separator: "|"))")
        }
        return claims
    }

    private static func references(of kind: EntityKind, _ document: DocumentValue) -> [String] {
        var references = kind.foreignKeys.compactMap { key in
            document.reference(key.field).map { "\(key.parent.rawValue)/\($0)" }
        }
        references += kind.authorities(in: document).compactMap { authority in
            EntityID(authority).map { "\(EntityKind.caCertificates.rawValue)/\($0)" }
        }
        return references
    }
}
