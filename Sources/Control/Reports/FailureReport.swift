/// The error body of every `/mesh/…` path.
public struct FailureReport: Codable, Equatable, Error, Sendable {
    /// What, why and what to do, on one line.
    public var message: String
    /// A stable code such as `MESH101`.
    public var code: String
    /// What is wrong in a configuration; empty otherwise.
    public var findings: [FindingReport]

    /// Creates an error body.
    public init(code: String, message: String, findings: [FindingReport] = []) {
        self.message = message
        self.code = code
        self.findings = findings
    }

    /// Reads an error body; Kong's own, which have a message only, included.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.message = try container.decode(String.self, forKey: .message)
        self.code = try container.decodeIfPresent(String.self, forKey: .code) ?? ""
        self.findings =
            try container.decodeIfPresent([FindingReport].self, forKey: .findings) ?? []
    }

    private enum CodingKeys: String, CodingKey {
        case message, code, findings
    }
}
