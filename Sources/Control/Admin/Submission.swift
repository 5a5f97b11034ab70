/// A declarative text that somebody handed in.
public struct Submission: Equatable, Sendable {
    /// The text, YAML or JSON.
    public var text: String
    /// What the text is called in findings.
    public var name: String
    /// Why, in the operator's words; empty for none.
    public var message: String
    /// The hash the operator compared with; the node refuses when it holds another one by now.
    public var expectedHash: String?

    /// Creates a submission without message or expectation.
    public init(text: String, name: String = "config") {
        self.text = text
        self.name = name
        self.message = ""
    }
}
