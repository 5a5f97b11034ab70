import MeshEntities

/// Applies rules to the fields of a JSON object; what is no object stays as it is.
///
/// Source: Kong 3.9, `request-transformer/access.lua` and
/// `response-transformer/body_transformer.lua`.
struct JSONRules {
    private let rules: TransformRules<DocumentValue>

    init(_ rules: TransformRules<DocumentValue>) { self.rules = rules }

    /// The body after the rules; nil when they change nothing, or it is no object.
    func apply(to body: [UInt8]) -> [UInt8]? {
        let text = try? JSONText.parse(body, equalNames: .last)
        guard var fields = text?.value.fields else { return nil }
        let before = fields
        self.apply(to: &fields)
        return fields == before ? nil : Array(DocumentValue.object(fields).json.utf8)
    }

    private func apply(to fields: inout [DocumentField]) {
        for name in self.rules.remove { fields.removeAll { $0.isNamed(name) } }
        for (old, new) in self.rules.rename {
            let value = fields.first { $0.isNamed(old) }?.node.value
            fields.removeAll { $0.isNamed(old) || $0.isNamed(new) }
            if let value { fields.append(DocumentField(new, value)) }
        }
        for (name, value) in self.rules.replace {
            guard let index = Self.index(name, fields) else { continue }
            fields[index] = DocumentField(name, value)
        }
        for (name, value) in self.rules.add where Self.index(name, fields) == nil {
            fields.removeAll { $0.isNamed(name) }
            fields.append(DocumentField(name, value))
        }
        for (name, value) in self.rules.append {
            guard let index = fields.firstIndex(where: { $0.isNamed(name) }) else {
                fields.append(DocumentField(name, .list([value])))
                continue
            }
            switch fields[index].node.value {
            case .string(let text):
                fields[index] = DocumentField(name, .list([.string(text), value]))
            case .array(let nodes):
                fields[index] = DocumentField(name, .array(nodes + [DocumentNode(value)]))
            case .null, .bool, .integer, .number, .object:
                fields[index] = DocumentField(name, .list([value]))
            }
        }
    }

    /// The place of a field that Lua takes for true: `false` counts as not there.
    private static func index(_ name: String, _ fields: [DocumentField]) -> Int? {
        fields.firstIndex { $0.isNamed(name) && $0.node.value != .bool(false) }
    }
}
