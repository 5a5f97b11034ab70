internal import COpenSSL
internal import MeshEntities

/// Ids of entities that a file gives none, the same at every load and on every node.
///
/// As in Kong: a UUID of version 5 in the namespace of the entity's kind, which is itself one in
/// Kong's namespace for kinds.
///
/// Source: RFC 4122, section 4.3.
enum DerivedID {
    private static let kinds = EntityID(high: 0xFD02_801F_0957_4A15, low: 0xA55A_C8D9_606F_30B5)

    /// The namespace of each kind.
    private static let namespaces = Dictionary(
        uniqueKeysWithValues: EntityKind.allCases.map { kind in
            (kind, Self.version5(Self.kinds, kind.rawValue))
        }
    )
    /// Fetched once: OpenSSL looks an algorithm up at every use else.
    nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA1", nil)

    /// The id of the entity of a kind that has this natural key.
    static func make(_ kind: EntityKind, key: String) -> EntityID {
        Self.version5(Self.namespaces[kind] ?? Self.version5(Self.kinds, kind.rawValue), key)
    }

    /// A UUID of version 5.
    static func version5(_ namespace: EntityID, _ name: String) -> EntityID {
        var input: [UInt8] = []
        input.reserveCapacity(16 + name.utf8.count)
        for half in [namespace.high, namespace.low] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                input.append(UInt8(truncatingIfNeeded: half >> shift))
            }
        }
        input += name.utf8
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        EVP_Digest(input, input.count, &digest, nil, Self.algorithm, nil)
        let high = digest[0..<8].reduce(UInt64(0)) { ($0 << 8) | UInt64($1) }
        let low = digest[8..<16].reduce(UInt64(0)) { ($0 << 8) | UInt64($1) }
        return EntityID(
            high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x5000,
            low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        )
    }
}
