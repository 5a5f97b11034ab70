/// Something set for few of many nodes, quick to read for all.
struct PerNode<Value> {
    private let unset: Value
    private var values: [Value] = []

    /// Creates one in which every node has `unset`.
    init(_ unset: Value) { self.unset = unset }

    subscript(index: Int) -> Value {
        get { index < self.values.count ? self.values[index] : self.unset }
        set {
            while self.values.count <= index { self.values.append(self.unset) }
            self.values[index] = newValue
        }
    }
}
