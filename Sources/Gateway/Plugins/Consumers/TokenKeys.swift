import MeshEntities

/// The public keys of tokens, parsed once.
final class TokenKeys: Sendable {
    private let parsed: [EntityID: (pem: String, key: PublicKey?)]

    /// Parses what another one has not parsed already.
    init(_ secrets: EntityList<JWTSecret>, reusing previous: TokenKeys?) {
        var parsed: [EntityID: (pem: String, key: PublicKey?)] = [:]
        for secret in secrets where !secret.algorithm.isSymmetric {
            guard let pem = secret.publicKey else { continue }
            if let known = previous?.parsed[secret.id], known.pem == pem {
                parsed[secret.id] = known
            } else {
                parsed[secret.id] = (pem, PublicKey(pem: pem))
            }
        }
        self.parsed = parsed
    }

    /// The key of a credential; nil when its text is no key.
    func key(of secret: JWTSecret) -> PublicKey? { self.parsed[secret.id]?.key }
}
