import MeshEntities

/// Who signs tokens, with public keys that are parsed once.
final class TokenSigners: Sendable {
    /// By number of the credential.
    let all: [TokenSigner]

    /// Parses what another one has not parsed already.
    ///
    /// - Parameters:
    ///   - secrets: the credentials.
    ///   - previous: what may have parsed some of them.
    ///   - mark: finds a consumer.
    init(
        _ secrets: EntityList<JWTSecret>,
        reusing previous: TokenSigners?,
        _ mark: (EntityID) -> ConsumerMark?
    ) {
        let known = Dictionary((previous?.all ?? []).map { ($0.credential.id, $0) }) { $1 }
        self.all = secrets.map { secret in
            let before = known[secret.id]
            let isSame =
                before?.credential.publicKey == secret.publicKey
                && before?.credential.algorithm == secret.algorithm
            return TokenSigner(
                credential: secret,
                consumer: mark(secret.consumer),
                key: isSame ? before?.key : TokenSigner.key(of: secret)
            )
        }
    }
}

/// Who signs tokens with one credential; an object, so that finding one costs one reference.
final class TokenSigner: Sendable {
    let credential: JWTSecret
    /// Nil when the configuration has no such consumer.
    let consumer: ConsumerMark?
    /// Nil when the credential's text is no key that serves its algorithm.
    let key: PublicKey?

    fileprivate init(credential: JWTSecret, consumer: ConsumerMark?, key: PublicKey?) {
        self.credential = credential
        self.consumer = consumer
        self.key = key
    }

    fileprivate static func key(of secret: JWTSecret) -> PublicKey? {
        guard !secret.algorithm.isSymmetric, let pem = secret.publicKey else { return nil }
        return PublicKey(pem: pem, for: secret.algorithm)
    }
}
