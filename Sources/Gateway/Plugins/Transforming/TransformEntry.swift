/// One entry of a transformer's list: `name:value`, or a name alone.
struct TransformEntry: Equatable, Sendable {
    /// The part before the first colon.
    let name: String
    /// The part behind it, or behind all colons there; nil when it is empty.
    let value: String?

    /// Parts an entry as Kong's pattern `^([^:]+):*(.-)$`; nil when it begins with a colon or is
    /// empty.
    init?(_ entry: String) {
        let name = entry.prefix { $0 != ":" }
        guard !name.isEmpty else { return nil }
        let value = entry.dropFirst(name.count).drop { $0 == ":" }
        self.name = String(name)
        self.value = value.isEmpty ? nil : String(value)
    }
}

/// What a transformer does with the names of one kind, in Kong's order.
struct TransformRules<Value: Sendable>: Sendable {
    var remove: [String] = []
    var rename: [(old: String, new: String)] = []
    var replace: [(name: String, value: Value)] = []
    var add: [(name: String, value: Value)] = []
    var append: [(name: String, value: Value)] = []

    /// Whether nothing is to be done.
    var isEmpty: Bool {
        self.remove.isEmpty && self.rename.isEmpty && self.replace.isEmpty && self.add.isEmpty
            && self.append.isEmpty
    }

    /// The same with other values.
    func mapValues<Other: Sendable>(_ change: (Value) -> Other) -> TransformRules<Other> {
        TransformRules<Other>(
            remove: self.remove,
            rename: self.rename,
            replace: self.replace.map { ($0.name, change($0.value)) },
            add: self.add.map { ($0.name, change($0.value)) },
            append: self.append.map { ($0.name, change($0.value)) }
        )
    }
}
