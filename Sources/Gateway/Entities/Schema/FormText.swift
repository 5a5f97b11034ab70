/// Reads the fields of a form as Kong does: `config.minute=5`, `hosts[]=a`, `hosts[1]=a`.
///
/// A text becomes what the schema says its field takes; an empty one becomes null.
///
/// Source: Kong's `kong/api/arguments.lua`, version 3.9.
public enum FormText {
    /// Deepest nesting of names that is read.
    private static let depthLimit = 16

    /// Reads fields in the order of the form; a name that repeats makes a list.
    ///
    /// - Parameters:
    ///   - pairs: names and values, decoded.
    ///   - fields: what the fields take; others stay texts.
    /// - Returns: an object.
    public static func document(
        _ pairs: [(name: String, value: String)],
        fields: [FieldSchema]
    ) -> DocumentValue {
        var root = Node.branch([])
        for pair in pairs {
            root.insert(.leaf(pair.value), Self.steps(pair.name)[...])
        }
        return Self.value(root, .record(fields))
    }

    private enum Step: Equatable {
        case name(String)
        /// `[]`, or an index from 1.
        case element(Int?)
    }

    private indirect enum Node {
        case leaf(String)
        case branch([(name: String, node: Node)])
        case list([Node])

        mutating func insert(_ node: Node, _ steps: ArraySlice<Step>) {
            guard let step = steps.first else {
                self.add(node)
                return
            }
            switch step {
            case .name(let name): self.descend(name, node, steps.dropFirst())
            case .element(let index):
                var elements: [Node] = if case .list(let own) = self { own } else { [] }
                // Indexes order; they leave no holes.
                let place = index.map { max(0, min($0 - 1, elements.count)) } ?? elements.count
                if steps.count > 1, elements.indices.contains(place) {
                    elements[place].insert(node, steps.dropFirst())
                } else {
                    var fresh = Node.branch([])
                    fresh.insert(node, steps.dropFirst())
                    elements.insert(fresh, at: place)
                }
                self = .list(elements)
            }
        }

        private mutating func descend(_ name: String, _ node: Node, _ rest: ArraySlice<Step>) {
            guard case .branch(var own) = self else { return }
            if let index = own.firstIndex(where: { $0.name == name }) {
                own[index].node.insert(node, rest)
            } else {
                var fresh = Node.branch([])
                fresh.insert(node, rest)
                own.append((name, fresh))
            }
            self = .branch(own)
        }

        /// A second value of one name makes a list of both.
        private mutating func add(_ node: Node) {
            switch self {
            case .leaf: self = .list([self, node])
            case .list(let own): self = .list(own + [node])
            case .branch(let own): if own.isEmpty { self = node }
            }
        }
    }

    private static func steps(_ name: String) -> [Step] {
        var steps: [Step] = []
        for part in name.split(separator: ".").prefix(Self.depthLimit) {
            var text = part
            var indexes: [Step] = []
            while text.hasSuffix("]"), let open = text.lastIndex(of: "["), open > text.startIndex {
                let inner = text[text.index(after: open)...].dropLast()
                guard inner.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { break }
                indexes.insert(.element(Int(inner)), at: 0)
                text = text[..<open]
            }
            steps += [.name(String(text))] + indexes
        }
        return steps.isEmpty ? [.name(name)] : steps
    }

    private static func value(_ node: Node, _ shape: FieldSchema.Shape?) -> DocumentValue {
        switch shape {
        case .set(let element), .array(let element):
            if case .list(let nodes) = node {
                return .list(nodes.map { Self.value($0, element) })
            }
            let single = Self.value(node, element)
            return single.isNull ? .null : .list([single])
        case .map(let element): return Self.object(node) { _ in element }
        case .record(let fields):
            return Self.object(node) { name in fields.first { $0.name == name }?.shape }
        case .foreign: return Self.object(node) { _ in .string }
        case .string, .integer, .number, .boolean, nil: return Self.scalar(node, shape)
        }
    }

    private static func object(
        _ node: Node,
        _ shape: (String) -> FieldSchema.Shape?
    ) -> DocumentValue {
        guard case .branch(let fields) = node else { return Self.scalar(node, nil) }
        return .object(
            fields.map { DocumentField($0.name, Self.value($0.node, shape($0.name))) }
        )
    }

    private static func scalar(_ node: Node, _ shape: FieldSchema.Shape?) -> DocumentValue {
        switch node {
        case .branch: return Self.object(node) { _ in nil }
        case .list(let nodes): return .list(nodes.map { Self.scalar($0, shape) })
        case .leaf(""): return .null
        case .leaf(let text):
            switch shape {
            case .integer, .number:
                guard let number = Double(text), number.isFinite else { return .string(text) }
                return DocumentValue(number)
            case .boolean where text == "true": return .bool(true)
            case .boolean where text == "false": return .bool(false)
            case .string, .boolean, .set, .array, .map, .record, .foreign, nil:
                return .string(text)
            }
        }
    }
}
