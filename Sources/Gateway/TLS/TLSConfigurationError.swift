/// TLS settings that cannot be used.
///
/// Nothing was changed when one is thrown. Indirect, since thrown values travel wide.
public indirect enum TLSConfigurationError: Error, Equatable, Sendable {
    /// The text is no PEM of the kind the field wants.
    case unreadable(owner: String, field: String, value: String, remedy: String)
    /// The private key belongs to another certificate.
    case mismatch(owner: String, field: String, value: String, remedy: String)
    /// The alternate certificate has the same key type as the first, or only half of it is given.
    case alternate(owner: String, field: String, value: String, remedy: String)
    /// The number, name or list is not one that the field takes.
    case refused(owner: String, field: String, value: String, remedy: String)
}

extension TLSConfigurationError: CustomStringConvertible {
    /// One line for the operator: whose, field, value found, what to do.
    public var description: String {
        switch self {
        case .unreadable(let owner, let field, let value, let remedy),
            .mismatch(let owner, let field, let value, let remedy),
            .alternate(let owner, let field, let value, let remedy),
            .refused(let owner, let field, let value, let remedy):
            "\(owner): \(field) is \(value): \(remedy)"
        }
    }
}
