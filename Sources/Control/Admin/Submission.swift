public import MeshEntities
public import MeshReports

/// A declarative text that somebody handed in.
public struct Submission: Equatable, Sendable {
    /// The text, YAML or JSON.
    public var text: String
    /// What the text says, when somebody has parsed it.
    public var document: DocumentNode?
    /// What the text is called in findings.
    public var name: String
    /// Why, in the operator's words; empty for none.
    public var message = ""
    /// Who hands it in; empty when unknown.
    public var author = ""
    /// The hash the operator compared with; the node refuses when it holds another one by now.
    public var expectedHash: String?
    /// Tags that an entity must have, all of them, to be replaced by the text; it gives them to its own.
    ///
    /// Default none: the text replaces everything.
    public var selectTags: [String] = []
    /// The nodes take it up in waves, within these limits; `nil`: all at once.
    public var rollOut: RollOutLimits?

    /// Whether the answer tells entity by entity what changes.
    ///
    /// Default true; of a large text it takes as long as to check it.
    public var wantsChanges = true

    /// Creates a submission without message or expectation.
    public init(text: String, name: String = "config") {
        self.text = text
        self.name = name
    }
}

/// What an operator asks for that writes a state of the past again.
public struct Restoration: Equatable, Sendable {
    /// Who asks; empty when unknown.
    public var author = ""
    /// Why, in the operator's words; empty for a sentence about what is done.
    public var message = ""
    /// The hash the operator compared with; the node refuses when it holds another one by now.
    public var expectedHash: String?

    /// Creates one without author, message or expectation.
    public init() {}
}

/// What an operator may do with a roll-out.
public enum RollOutAction: String, CaseIterable, Sendable {
    /// No further wave goes.
    case pause
    /// Waves go on.
    case resume
    /// The change is taken back.
    case abort
}
