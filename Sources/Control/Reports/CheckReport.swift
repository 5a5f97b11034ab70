/// The outcome of one named check.
public struct CheckReport: Codable, Equatable, Sendable {
    /// How it ended.
    public enum Outcome: String, Codable, CaseIterable, Sendable {
        /// It holds.
        case passed
        /// It does not hold, and needs no action at once.
        case warning
        /// It does not hold.
        case failed
    }

    /// Its stable code, such as `MESH001`.
    public var code: String
    /// The heading it stands under, such as `cluster`.
    public var group: String
    /// What is checked, as a sentence that should be true.
    public var title: String
    /// How it ended.
    public var outcome: Outcome
    /// What was found; empty when there is nothing to say.
    public var detail: String
    /// What to do; empty when it passed.
    public var hint: String

    /// Creates an outcome.
    public init(code: String, group: String, title: String, outcome: Outcome) {
        self.code = code
        self.group = group
        self.title = title
        self.outcome = outcome
        self.detail = ""
        self.hint = ""
    }
}

/// All checks of one run.
public struct ChecksReport: Codable, Equatable, Sendable {
    /// Whether none failed or warned.
    public var clean: Bool
    /// The checks, in order of code within their groups.
    public var checks: [CheckReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates a report.
    public init(checks: [CheckReport], view: ViewReport) {
        self.clean = checks.allSatisfy { $0.outcome == .passed }
        self.checks = checks
        self.view = view
    }
}
