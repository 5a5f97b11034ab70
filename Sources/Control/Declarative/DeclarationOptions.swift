public import MeshEntities

/// How a declarative file is read.
public struct DeclarationOptions: Equatable, Sendable {
    /// What becomes of plugins that neither this gateway nor Kong has.
    public enum UnknownPlugins: String, CaseIterable, Sendable {
        /// Each is a finding.
        case refused
        /// They load switched off, as if the file said `enabled: false`.
        case disabled
    }

    /// The router that the file is for.
    ///
    /// Default `traditional_compatible`, as Kong.
    public var flavor: RouterFlavor

    /// What becomes of plugins that neither this gateway nor Kong has.
    ///
    /// Default: each is a finding.
    public var unknownPlugins = UnknownPlugins.refused

    /// The environment that decK's placeholders, `${{ env "DECK_HOST" }}`, are filled from.
    ///
    /// Default `nil`: a placeholder is a finding.
    public var variables: [String: String]?

    /// Creates options; all have defaults.
    public init(flavor: RouterFlavor = .traditionalCompatible) { self.flavor = flavor }
}
