/// Reads one ``LuaExpression`` by recursive descent.
///
///     or: and {"or" and}            and: comparison {"and" comparison}
///     comparison: join ["==" | "~=" join]      join: unary [".." join]
///     unary: ["not"] postfix        postfix: primary {":" function "(" [or {"," or}] ")"}
///     primary: text | number | nil | true | false | "(" or ")" | table key | "string." call
struct LuaExpressionParser {
    private enum Token: Equatable {
        case name(String)
        case text(String)
        case number(Double)
        case symbol(String)
        case end
    }

    /// Deepest nesting of parentheses and calls.
    private static let depthLimit = 32

    private let source: String
    private var tokens: [Token] = []
    private var index = 0
    private var depth = 0
    private(set) var readsCaptures = false

    init(_ source: String) { self.source = source }

    mutating func parse() throws(LuaExpression.Fault) -> LuaExpression.Node {
        self.tokens = try self.tokenize()
        let node = try self.or()
        guard self.peek == .end else { throw self.fault("'\(self.spelling)' is not expected") }
        return node
    }

    private func fault(_ reason: String) -> LuaExpression.Fault {
        LuaExpression.Fault(expression: "$(\(self.source))", reason: reason)
    }

    private var peek: Token { self.tokens[min(self.index, self.tokens.count - 1)] }

    private var spelling: String {
        switch self.peek {
        case .name(let name): name
        case .text(let text): "'\(text)'"
        case .number(let number): "\(number)"
        case .symbol(let symbol): symbol
        case .end: "the end"
        }
    }

    private mutating func takes(_ token: Token) -> Bool {
        guard self.peek == token else { return false }
        self.index += 1
        return true
    }

    private mutating func require(_ symbol: String) throws(LuaExpression.Fault) {
        guard self.takes(.symbol(symbol)) else {
            throw self.fault("'\(symbol)' is expected in place of '\(self.spelling)'")
        }
    }

    private mutating func or() throws(LuaExpression.Fault) -> LuaExpression.Node {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= Self.depthLimit else { throw self.fault("it is nested too deeply") }
        var node = try self.and()
        while self.takes(.name("or")) { node = .or(node, try self.and()) }
        return node
    }

    private mutating func and() throws(LuaExpression.Fault) -> LuaExpression.Node {
        var node = try self.comparison()
        while self.takes(.name("and")) { node = .and(node, try self.comparison()) }
        return node
    }

    private mutating func comparison() throws(LuaExpression.Fault) -> LuaExpression.Node {
        let left = try self.join()
        if self.takes(.symbol("==")) { return .equal(left, try self.join()) }
        if self.takes(.symbol("~=")) { return .not(.equal(left, try self.join())) }
        return left
    }

    private mutating func join() throws(LuaExpression.Fault) -> LuaExpression.Node {
        var parts = [try self.unary()]
        while self.takes(.symbol("..")) { parts.append(try self.unary()) }
        return parts.dropFirst().reduce(parts[0]) { .join($0, $1) }
    }

    private mutating func unary() throws(LuaExpression.Fault) -> LuaExpression.Node {
        var isNegated = false
        while self.takes(.name("not")) { isNegated.toggle() }
        let node = try self.postfix()
        return isNegated ? .not(node) : node
    }

    private mutating func postfix() throws(LuaExpression.Fault) -> LuaExpression.Node {
        var node = try self.primary()
        while self.takes(.symbol(":")) {
            node = .call(try self.function(), try self.arguments([node]))
        }
        return node
    }

    private mutating func function() throws(LuaExpression.Fault) -> LuaExpression.Function {
        guard case .name(let name) = self.peek,
            let function = LuaExpression.Function(rawValue: name)
        else { throw self.fault("the function '\(self.spelling)' is not built") }
        self.index += 1
        return function
    }

    private mutating func arguments(
        _ first: [LuaExpression.Node]
    ) throws(LuaExpression.Fault) -> [LuaExpression.Node] {
        var arguments = first
        try self.require("(")
        if self.takes(.symbol(")")) { return arguments }
        repeat { arguments.append(try self.or()) } while self.takes(.symbol(","))
        try self.require(")")
        return arguments
    }

    private mutating func primary() throws(LuaExpression.Fault) -> LuaExpression.Node {
        let token = self.peek
        self.index += 1
        switch token {
        case .text(let text): return .value(.text(Array(text.utf8)))
        case .number(let number): return .value(.number(number))
        case .name("nil"): return .value(.none)
        case .name("true"): return .value(.bool(true))
        case .name("false"): return .value(.bool(false))
        case .name("tostring"):
            let arguments = try self.arguments([])
            guard arguments.count == 1 else { throw self.fault("'tostring' takes one value") }
            return .join(arguments[0], .value(.text([])))
        case .name("string"):
            try self.require(".")
            return .call(try self.function(), try self.arguments([]))
        case .name(let name):
            guard let table = LuaExpression.Table(rawValue: name) else {
                throw self.fault("'\(name)' is not built")
            }
            return try self.lookUp(table)
        case .symbol("("):
            let node = try self.or()
            try self.require(")")
            return node
        case .symbol, .end:
            self.index -= 1
            throw self.fault("'\(self.spelling)' is not expected")
        }
    }

    private mutating func lookUp(
        _ table: LuaExpression.Table
    ) throws(LuaExpression.Fault) -> LuaExpression.Node {
        if table == .captures { self.readsCaptures = true }
        if self.takes(.symbol(".")) {
            guard case .name(let key) = self.peek else {
                throw self.fault("a name is expected in place of '\(self.spelling)'")
            }
            self.index += 1
            return .lookUp(table, key)
        }
        try self.require("[")
        let key: String
        switch self.peek {
        case .text(let text): key = text
        case .number(let number) where number >= 0 && number < 100: key = "\(Int(number))"
        case .name, .number, .symbol, .end:
            throw self.fault("only a text or a number may stand in place of '\(self.spelling)'")
        }
        self.index += 1
        try self.require("]")
        return .lookUp(table, key)
    }

    private func tokenize() throws(LuaExpression.Fault) -> [Token] {
        var tokens: [Token] = []
        var rest = Array(self.source)[...]
        while let character = rest.first {
            if character.isWhitespace {
                rest = rest.dropFirst()
            } else if character.isLetter || character == "_" {
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                tokens.append(.name(String(name)))
                rest = rest.dropFirst(name.count)
            } else if character.isNumber
                || (character == "-" && rest.dropFirst().first?.isNumber == true)
            {
                let digits = rest.prefix(1) + rest.dropFirst().prefix { $0.isNumber }
                guard let number = Double(String(digits)) else {
                    throw self.fault("'\(String(digits))' is no number")
                }
                tokens.append(.number(number))
                rest = rest.dropFirst(digits.count)
            } else if character == "\"" || character == "'" {
                let text = rest.dropFirst().prefix { $0 != character }
                guard text.count + 2 <= rest.count, !text.contains("\\") else {
                    throw self.fault("its quotes are not closed, or it has an escape in them")
                }
                tokens.append(.text(String(text)))
                rest = rest.dropFirst(text.count + 2)
            } else if let symbol = ["..", "==", "~="].first(where: { rest.starts(with: $0) }) {
                tokens.append(.symbol(symbol))
                rest = rest.dropFirst(2)
            } else if "()[].:,".contains(character) {
                tokens.append(.symbol(String(character)))
                rest = rest.dropFirst()
            } else {
                throw self.fault("'\(character)' is not built")
            }
        }
        return tokens + [.end]
    }
}
