/// One thing wrong, or worth a warning, in a configuration.
public struct Finding: Equatable, Sendable {
    /// Where it stands.
    public var location: FieldPath
    /// What is wrong; Kong's text wherever Kong has one.
    public var message: String
    /// Line in the file, counted from 1, when known.
    public var line: Int?
    /// Column in the file, counted from 1, when known.
    public var column: Int?

    /// Creates a finding.
    public init(
        at location: FieldPath,
        _ message: String,
        line: Int? = nil,
        column: Int? = nil
    ) {
        self.location = location
        self.message = message
        self.line = line
        self.column = column
    }

    /// The location as text, such as `services[0].host`.
    public var path: String { self.location.description }
}

extension Finding: CustomStringConvertible {
    /// `3:5 services[0].host: required field missing`, without what is not known.
    public var description: String {
        let place = self.line.map { line in "\(line):\(self.column ?? 1) " } ?? ""
        let field = self.path.isEmpty ? "" : "\(self.path): "
        return "\(place)\(field)\(self.message)"
    }
}

/// Everything that is wrong with a document; nothing of it was taken over.
public struct EntityErrors: Error, Equatable, Sendable {
    /// What is wrong, in the order of the document; never empty.
    public var findings: [Finding]

    /// Creates an error of at least one finding.
    public init(_ findings: [Finding]) { self.findings = findings }
}

extension EntityErrors: CustomStringConvertible {
    /// One finding per line.
    public var description: String {
        self.findings.map(\.description).joined(separator: "\n")
    }
}
