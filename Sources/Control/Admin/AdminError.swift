public import MeshEntities
public import MeshReports

/// Why the node refused a request; nothing has changed then.
public indirect enum AdminError: Error, Equatable, Sendable {
    /// The text is not a configuration that this node accepts.
    case invalidConfiguration(InvalidConfiguration)
    /// Another configuration is being loaded right now; try again.
    case busy
    /// Loading took too long; the node may be overloaded.
    case timedOut
    /// The node is stopping.
    case stopping
    /// Somebody else changed the configuration since the operator compared with it.
    case stale(held: ConfigurationVersion)
    /// No changeset that is remembered is called so.
    case unknownChangeset(String)
    /// No member has this name or id.
    case unknownNode(String)
    /// The node may not do this now, for the reason given.
    case refused(String)
    /// The node could not do it, for the reason given.
    case failed(String)
}

/// What is wrong with a configuration, in Kong's form and in ours.
public struct InvalidConfiguration: Equatable, Sendable {
    /// Kong's `message`, such as `declarative config is invalid: {services={{host="…"}}}`.
    public var message: String
    /// Kong's `fields`.
    public var fields: DocumentValue
    /// Kong's `flattened_errors`.
    public var flattenedErrors: DocumentValue
    /// The same with places in the text.
    public var findings: [FindingReport]

    /// Creates a description.
    public init(
        message: String,
        fields: DocumentValue,
        flattenedErrors: DocumentValue = .list([]),
        findings: [FindingReport]
    ) {
        self.message = message
        self.fields = fields
        self.flattenedErrors = flattenedErrors
        self.findings = findings
    }
}
