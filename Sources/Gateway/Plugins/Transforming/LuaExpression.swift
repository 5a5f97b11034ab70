/// The part of Lua that people write in templates.
///
/// Look-ups, `or`, `and`, `not`, `..`, comparisons, texts, numbers, and a few functions of texts; all
/// else is refused by name.
struct LuaExpression: Sendable {
    /// What an expression can look things up in.
    enum Table: String, Sendable {
        case headers
        case queryParameters = "query_params"
        case captures = "uri_captures"
        /// `kong.ctx.shared`, which only Lua plugins write: always empty here.
        case shared
    }

    /// A function of a text, called as `string.f(x)` or `x:f()`.
    enum Function: String, Sendable {
        case lower
        case upper
        case sub
        case len
        case reverse
    }

    /// A value of Lua, as far as there are any here.
    enum Value: Equatable, Sendable {
        case none
        case bool(Bool)
        case number(Double)
        case text([UInt8])

        /// Whether Lua takes it for true.
        var isTrue: Bool {
            switch self {
            case .none, .bool(false): false
            case .bool(true), .number, .text: true
            }
        }

        /// As it is rendered: nil and false are nothing.
        var text: [UInt8] {
            switch self {
            case .none, .bool(false): []
            case .bool(true): Array("true".utf8)
            case .number(let number):
                Array((Int64(exactly: number).map(String.init) ?? "\(number)").utf8)
            case .text(let bytes): bytes
            }
        }
    }

    indirect enum Node: Sendable {
        case value(Value)
        case lookUp(Table, String)
        case or(Node, Node)
        case and(Node, Node)
        case not(Node)
        case join(Node, Node)
        case equal(Node, Node)
        case call(Function, [Node])
    }

    /// An expression that cannot be obeyed.
    struct Fault: Error, Equatable {
        let expression: String
        let reason: String
    }

    private let root: Node
    let readsCaptures: Bool

    /// Reads an expression without its `$(` and `)`.
    init(_ text: String) throws(Fault) {
        var parser = LuaExpressionParser(text)
        self.root = try parser.parse()
        self.readsCaptures = parser.readsCaptures
    }

    /// The value for one request.
    func evaluate(_ values: some TemplateValues) -> Value { Self.evaluate(self.root, values) }

    private static func evaluate(_ node: Node, _ values: some TemplateValues) -> Value {
        switch node {
        case .value(let value): return value
        case .lookUp(let table, let key):
            return values.value(table, key).map { .text($0) } ?? .none
        case .or(let left, let right):
            let value = Self.evaluate(left, values)
            return value.isTrue ? value : Self.evaluate(right, values)
        case .and(let left, let right):
            let value = Self.evaluate(left, values)
            return value.isTrue ? Self.evaluate(right, values) : value
        case .not(let inner): return .bool(!Self.evaluate(inner, values).isTrue)
        case .join(let left, let right):
            return .text(Self.evaluate(left, values).text + Self.evaluate(right, values).text)
        case .equal(let left, let right):
            return .bool(Self.evaluate(left, values) == Self.evaluate(right, values))
        case .call(let function, let arguments):
            return Self.call(function, arguments.map { Self.evaluate($0, values) })
        }
    }

    /// Calls a function; of nil nothing comes, where Lua would end the request with an error.
    private static func call(_ function: Function, _ arguments: [Value]) -> Value {
        guard let first = arguments.first, first.isTrue else { return .none }
        let text = first.text
        switch function {
        case .lower: return .text(text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
        case .upper: return .text(text.map { (0x61...0x7A).contains($0) ? $0 & ~0x20 : $0 })
        case .reverse: return .text(text.reversed())
        case .len: return .number(Double(text.count))
        case .sub:
            let from = Self.position(arguments.dropFirst().first, text.count, otherwise: 1)
            let to = Self.position(arguments.dropFirst(2).first, text.count, otherwise: -1)
            let start = max(1, from) - 1
            let end = min(text.count, to)
            return .text(start < end ? Array(text[start..<end]) : [])
        }
    }

    /// A position as `string.sub` takes it: from 1, or from the end when it is negative.
    private static func position(_ value: Value?, _ count: Int, otherwise: Int) -> Int {
        var position = otherwise
        if case .number(let number)? = value { position = Int(max(-1e9, min(1e9, number))) }
        return position < 0 ? count + 1 + position : position
    }
}
