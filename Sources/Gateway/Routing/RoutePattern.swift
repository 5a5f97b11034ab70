internal import CPCRE2
public import MeshEntities

/// The regexes of routes: how they are compiled, and what they certainly begin with.
public enum RoutePattern {
    /// What a pattern is matched against.
    enum Subject {
        /// A path: from its first byte, case matters.
        case path
        /// A header's value: anywhere in it, case does not matter.
        case headerValue
        /// A field of an expression: anywhere in it, case matters.
        case field
    }

    /// Why a pattern was refused.
    struct Failure: Error, Equatable {
        /// PCRE2's text and the place in the pattern.
        let message: String
    }

    /// Compiles the regex of a path and throws the result away.
    ///
    /// - Parameter regex: the pattern without the leading `~`.
    /// - Returns: PCRE2's message and the place of the error; `nil` for a good pattern.
    public static func check(regex: String) -> String? {
        do {
            let code = try Self.compile(regex, for: .path)
            pcre2_code_free_8(code)
            return nil
        } catch {
            return error.message
        }
    }

    /// Reads and compiles the expression of a route and throws the result away.
    ///
    /// - Returns: what is wrong, with Kong's text for wrong types and with line and column inside
    ///   the expression for wrong grammar; `nil` for a good one.
    public static func check(expression: String, of route: Route) -> String? {
        RouteExpression.check(expression, of: route)
    }

    /// Whether `&&` and `||` stand beside each other without parentheses, where Kong lets `||`
    /// bind tighter than most readers expect.
    public static func mixesOperators(in expression: String) -> Bool {
        var parser = ExpressionParser(expression)
        return (try? parser.parse()) != nil && parser.mixesOperators
    }

    /// Compiles with JIT where the machine has it; the caller frees the code.
    ///
    /// A path's pattern is anchored as a whole. `$` means the very end, as in Kong's regex engine.
    static func compile(
        _ regex: String,
        for subject: Subject
    ) throws(Failure) -> OpaquePointer {
        var options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C
        switch subject {
        case .path: options |= PCRE2_ANCHORED
        case .headerValue: options |= PCRE2_CASELESS
        case .field: break
        }
        var number: Int32 = 0
        var offset = 0
        let bytes = Array(regex.utf8)
        guard let code = pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) else {
            throw Failure(message: "\(Self.message(number)) at offset \(offset)")
        }
        // Without JIT the interpreter matches the same under the same limit, only slower.
        _ = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
        return code
    }

    private static func message(_ number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = pcre2_get_error_message_8(number, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
    }
}
