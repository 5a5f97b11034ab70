/// Findings nested by the steps of their paths, as Kong nests them in its error answers.
public struct FindingTree: Sendable {
    private var messages: [String] = []
    private var named: [(name: String, tree: FindingTree)] = []
    private var indexed: [(index: Int, tree: FindingTree)] = []

    /// Creates a tree without findings.
    public init() {}

    /// Creates a tree of findings.
    public init(_ findings: [Finding]) {
        for finding in findings { self.insert(finding.message, finding.location.steps[...]) }
    }

    private mutating func insert(_ message: String, _ steps: ArraySlice<FieldPath.Step>) {
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

    /// Kong's `fields`: objects by name, arrays by index, messages at the leaves.
    public var document: DocumentValue {
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

    /// The text that `kong config parse` prints, one line per finding and per level.
    public var lines: [String] { self.lines(of: "", indent: "") }

    private func lines(of item: String, indent: String) -> [String] {
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

    /// The findings as Kong prints a Lua table on one line.
    public var luaText: String {
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

    /// What Kong's `schema violation` lists: the findings about the whole first, then by name, one
    /// level deep.
    var violations: [String] {
        let whole = self.named.first { $0.name == FieldPath.entityField }?.tree.messages ?? []
        let rest = self.named.filter { $0.name != FieldPath.entityField }
            .sorted { $0.name < $1.name }
        return self.messages + whole
            + rest.flatMap { name, tree -> [String] in
                if tree.named.isEmpty, tree.indexed.isEmpty { return ["\(name): \(tree.leaf)"] }
                let inner = tree.named.sorted { $0.name < $1.name }
                return inner.map { "\(name).\($0.name): \($0.tree.leaf)" }
                    + tree.indexed.map { "\(name).\($0.index + 1): \($0.tree.leaf)" }
            }
    }

    private var leaf: String {
        self.named.isEmpty && self.indexed.isEmpty
            ? self.messages.joined(separator: "; ") : self.luaText
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

extension DocumentValue {
    /// The value as Kong prints Lua values in messages: `{name="x"}`, names sorted.
    public var luaText: String {
        switch self {
        case .null: return "null"
        case .bool, .integer, .number: return self.json
        case .string(let text): return "\"\(text)\""
        case .array(let nodes):
            return "{\(nodes.map { $0.value.luaText }.joined(separator: ","))}"
        case .object(let fields):
            let parts = fields.sorted { $0.name < $1.name }
                .map { "\($0.name)=\($0.node.value.luaText)" }
            return "{\(parts.joined(separator: ","))}"
        }
    }
}
