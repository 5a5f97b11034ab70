import MeshEntities

/// The public keys of tokens, parsed once.
final class TokenKeys: Sendable {
    /// What came of a credential's text.
    private struct Parsed {
        let pem: String
        let algorithm: JWTSecret.Algorithm
        let key: PublicKey?
    }

    private let parsed: [EntityID: Parsed]

    /// Parses what another one has not parsed already.
    init(_ secrets: EntityList<JWTSecret>, reusing previous: TokenKeys?) {
        var parsed: [EntityID: Parsed] = [:]
        for secret in secrets where !secret.algorithm.isSymmetric {
            guard let pem = secret.publicKey else { continue }
            if let known = previous?.parsed[secret.id], known.pem == pem,
                known.algorithm == secret.algorithm
            {
                parsed[secret.id] = known
            } else {
                let key = PublicKey(pem: pem, for: secret.algorithm)
                parsed[secret.id] = Parsed(pem: pem, algorithm: secret.algorithm, key: key)
            }
        }
        self.parsed = parsed
    }

    /// The key of a credential; nil when its text is no key that serves its algorithm.
    func key(of secret: JWTSecret) -> PublicKey? { self.parsed[secret.id]?.key }
}
