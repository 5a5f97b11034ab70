public import MeshEntities

/// What the fields of a credential alone do not show: keys that are none, passwords that nobody has
/// hashed yet.
public enum CredentialRules {
    /// What is wrong with one credential.
    public struct Flaw: Equatable, Sendable {
        /// Its collection.
        public let kind: EntityKind
        /// Its place there.
        public let index: Int
        /// The field.
        public let field: String
        /// What is wrong with it; never holds a secret.
        public let message: String
    }

    /// How passwords come.
    public enum Passwords: Sendable {
        /// As people write them; those that are hashed already stay.
        case plain
        /// As Kong's database holds them: SHA-1 of the password and the consumer's id.
        case kongs
    }

    /// Hashes passwords and looks into keys.
    ///
    /// - Parameters:
    ///   - configuration: its passwords are hashes afterwards.
    ///   - passwords: how they come.
    ///   - hash: makes the hash of a password for a credential; about 20 ms each.
    /// - Returns: what is wrong.
    public static func complete(
        _ configuration: inout GatewayConfiguration,
        _ passwords: Passwords = .plain,
        hash: (String, EntityID) -> String? = PasswordHash.make
    ) -> [Flaw] {
        var flaws: [Flaw] = []
        for index in configuration.basicCredentials.indices {
            let credential = configuration.basicCredentials[index]
            guard !PasswordHash.isHash(credential.password), !credential.password.isEmpty else {
                continue
            }
            let kept =
                switch passwords {
                case .plain: hash(credential.password, credential.id)
                case .kongs: PasswordHash.imported(credential.password)
                }
            if let kept {
                configuration.basicCredentials[index].password = kept
                continue
            }
            let message =
                switch passwords {
                case .plain: "there is no memory to hash it"
                case .kongs:
                    "expected 40 hexadecimal digits, since the file says '_transform: false'"
                }
            flaws.append(
                Flaw(kind: .basicCredentials, index: index, field: "password", message: message)
            )
        }
        for (index, secret) in configuration.jwtSecrets.enumerated() {
            guard !secret.algorithm.isSymmetric, let pem = secret.publicKey else { continue }
            guard PublicKey(pem: pem, for: secret.algorithm) == nil else { continue }
            let message = "expected a public key in PEM for \(secret.algorithm.rawValue)"
            flaws.append(
                Flaw(kind: .jwtSecrets, index: index, field: "rsa_public_key", message: message)
            )
        }
        return flaws
    }
}
