public import MeshEntities

/// A declarative file of which nothing was taken over, and why.
public struct DeclarativeError: Error, Equatable, Sendable {
    /// The file's name, as given.
    public var name: String
    /// Everything that is wrong, in the order of the file; never empty.
    public var findings: [Finding]
    /// Kong's `flattened_errors`: one object per entity with something wrong.
    public var flattenedErrors: DocumentValue

    /// Creates an error.
    public init(
        name: String,
        findings: [Finding],
        flattenedErrors: DocumentValue = .list([])
    ) {
        self.name = name
        self.findings = findings
        self.flattenedErrors = flattenedErrors
    }
}

extension DeclarativeError: CustomStringConvertible {
    /// One line per finding, `kong.yml:3:5 services[0].host: required field missing`.
    public var description: String {
        self.findings.map { Self.line(name: self.name, $0) }.joined(separator: "\n")
    }

    /// One finding with the file's name.
    public static func line(name: String, _ finding: Finding) -> String {
        let place = finding.line.map { ":\($0):\(finding.column ?? 1)" } ?? ""
        let field = finding.path.isEmpty ? "" : "\(finding.path): "
        return "\(name)\(place) \(field)\(finding.advised.message)"
    }
}

extension DeclarativeError {
    /// The findings as Kong nests them in an answer to `POST /config`: `fields`.
    public var fields: DocumentValue { self.tree.document }

    /// The text that `kong config parse` prints under `Failed parsing:`.
    public var kongTree: String { self.tree.lines.joined(separator: "\n") }

    /// Kong's `message` of an answer to `POST /config`.
    public var kongMessage: String { "declarative config is invalid: \(self.tree.luaText)" }

    /// The body of Kong's 400 answer to `POST /config`.
    public func answer(flattened: Bool) -> DocumentValue {
        var fields = [
            DocumentField("name", .string("invalid declarative configuration")),
            DocumentField("code", .integer(14)),
            DocumentField("message", .string(self.kongMessage)),
            DocumentField("fields", self.fields),
        ]
        if flattened { fields.append(DocumentField("flattened_errors", self.flattenedErrors)) }
        return .object(fields)
    }

    private var tree: FindingTree { FindingTree(self.findings) }
}

extension Finding {
    /// The same with what to do behind Kong's words, where those do not say it.
    public var advised: Finding {
        guard let advice = UnbuiltFeatures.advice(on: self.message) else { return self }
        var finding = self
        finding.message += "; \(advice)"
        return finding
    }
}
