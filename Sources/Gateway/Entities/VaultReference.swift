/// A text that stands for a secret kept elsewhere: `{vault://env/my-key}`.
///
/// The configuration holds the reference; each node looks the secret up for itself, so that it is
/// never shared. Only the vault `env`, the node's own environment, is built.
public struct VaultReference: Equatable, Sendable {
    /// The vault's name.
    public let vault: String
    /// What is asked of it, such as `my-key`.
    public let resource: String
    /// A field of the secret when that is a JSON object.
    public let field: String?
    /// Goes before the resource, `?prefix=` of the reference.
    public let prefix: String

    /// Reads a reference; `nil` for a text that is none.
    public init?(_ text: String) {
        guard text.hasPrefix("{vault://"), text.hasSuffix("}") else { return nil }
        let inner = text.dropFirst("{vault://".count).dropLast()
        let halves = inner.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.vault = String(parts[0])
        self.resource = String(parts[1])
        self.field = parts.count == 3 ? String(parts[2]) : nil
        let options = halves.count == 2 ? halves[1].split(separator: "&") : []
        let prefix = options.first { $0.hasPrefix("prefix=") }
        self.prefix = prefix.map { String($0.dropFirst("prefix=".count)) } ?? ""
    }

    /// The environment variable that the vault `env` reads, as Kong forms its name.
    public var variable: String {
        (self.prefix + self.resource).uppercased().replacing("-", with: "_")
    }

    /// Why a text in a field that may be a reference cannot be used; `nil` when it can, or is none.
    static func refusal(of text: String) -> String? {
        guard text.hasPrefix("{vault://") else { return nil }
        guard let reference = VaultReference(text) else {
            return "'\(text)' is no reference: expected {vault://env/name} or "
                + "{vault://env/name/field}"
        }
        guard reference.vault != "env" else { return nil }
        return "vault '\(reference.vault)' is not built yet, only 'env' is; "
            + "write {vault://env/…}, or the PEM text itself"
    }
}

/// A secret that is not where a reference says.
public struct MissingSecret: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reference as written.
    public let reference: String
    /// The variable that was looked for.
    public let variable: String

    /// What to do.
    public var description: String {
        "\(self.reference): set \(self.variable) in the environment of this node"
    }
}

extension GatewayConfiguration {
    /// The same configuration with the secrets that its references stand for.
    ///
    /// - Parameter variable: the node's environment.
    /// - Returns: what a node serves by; never stored, shown or sent.
    /// - Throws: ``MissingSecret`` for the first reference that stands for nothing.
    public func resolved(
        _ variable: (String) -> String?
    ) throws(MissingSecret) -> GatewayConfiguration {
        var resolved = self
        for index in resolved.certificates.indices {
            var certificate = resolved.certificates[index]
            certificate.cert = try Self.secret(certificate.cert, variable)
            certificate.key = try Self.secret(certificate.key, variable)
            if let text = certificate.certAlt {
                certificate.certAlt = try Self.secret(text, variable)
            }
            if let text = certificate.keyAlt {
                certificate.keyAlt = try Self.secret(text, variable)
            }
            resolved.certificates[index] = certificate
        }
        return resolved
    }

    private static func secret(
        _ text: String,
        _ variable: (String) -> String?
    ) throws(MissingSecret) -> String {
        guard let reference = VaultReference(text) else { return text }
        let missing = MissingSecret(reference: text, variable: reference.variable)
        guard reference.vault == "env", let value = variable(reference.variable) else {
            throw missing
        }
        guard let field = reference.field else { return value }
        guard let inner = try? JSONText.parse(Array(value.utf8)).value[field]?.text else {
            throw missing
        }
        return inner
    }
}
