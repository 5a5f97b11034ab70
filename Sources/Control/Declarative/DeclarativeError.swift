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
        return "\(name)\(place) \(field)\(finding.message)"
    }
}

extension DeclarativeError {
    /// The findings as Kong nests them in an answer to `POST /config`: `fields`.
    public var fields: DocumentValue { self.tree.document }

    /// The text that `kong config parse` prints under `Failed parsing:`.
    public var kongTree: String { self.tree.lines(of: "", indent: "").joined(separator: "\n") }

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

    private var tree: FindingTree {
        var tree = FindingTree()
        for finding in self.findings { tree.insert(finding.message, finding.location.steps[...]) }
        return tree
    }
}

/// Findings nested by the steps of their paths.
struct FindingTree {
    private var messages: [String] = []
    private var named: [(name: String, tree: FindingTree)] = []
    private var indexed: [(index: Int, tree: FindingTree)] = []

    mutating func insert(_ message: String, _ steps: ArraySlice<FieldPath.Step>) {
        switch steps.first {
        case nil:
            self.messages.append(message)
        case .field(let name):
            let known = self.named.firstIndex { $0.name == name }
            if known == nil { self.named.append((name, FindingTree())) }
            self.named[known ?? self.named.count - 1].tree.insert(message, steps.dropFirst())
        case .index(let index):
            let known = self.indexed.firstIndex { $0.index == index }
            if known == nil { self.indexed.append((index, FindingTree())) }
            self.indexed[known ?? self.indexed.count - 1].tree.insert(message, steps.dropFirst())
        }
    }

    var document: DocumentValue {
        if !self.named.isEmpty {
            return .object(
                self.named.map { name, tree in
                    let isEntity = name == FieldPath.entityField
                    let value =
                        isEntity ? .list(tree.messages.map { .string($0) }) : tree.document
                    return DocumentField(name, value)
                }
            )
        }
        if let last = self.indexed.map(\.index).max(), last < 100_000 {
            var elements = [DocumentValue](repeating: .null, count: last + 1)
            for (index, tree) in self.indexed { elements[index] = tree.document }
            return .list(elements)
        }
        return .string(self.messages.joined(separator: "; "))
    }

    func lines(of item: String, indent: String) -> [String] {
        var lines = self.messages.map { "\(indent)\($0)" }
        for (name, tree) in self.named {
            lines += Self.lines("\(indent)in '\(name)'", tree, name, "\(indent)  ")
        }
        for (index, tree) in self.indexed {
            let head = "\(indent)- in entry \(index + 1) of '\(item)'"
            lines += Self.lines(head, tree, item, "\(indent)  ")
        }
        return lines
    }

    var luaText: String {
        if !self.named.isEmpty {
            let parts = self.named.map { name, tree in
                let key = name == FieldPath.entityField ? "[\"@entity\"]" : name
                return "\(key)=\(tree.luaText)"
            }
            return "{\(parts.joined(separator: ","))}"
        }
        if !self.indexed.isEmpty {
            let parts = self.indexed.map { index, tree in
                index == 0 ? tree.luaText : "[\(index + 1)]=\(tree.luaText)"
            }
            return "{\(parts.joined(separator: ","))}"
        }
        return "\"\(self.messages.joined(separator: "; "))\""
    }

    private static func lines(
        _ head: String,
        _ tree: FindingTree,
        _ item: String,
        _ indent: String
    ) -> [String] {
        let isLeaf = tree.named.isEmpty && tree.indexed.isEmpty
        if isLeaf { return tree.messages.map { "\(head): \($0)" } }
        return ["\(head):"] + tree.lines(of: item, indent: indent)
    }
}
