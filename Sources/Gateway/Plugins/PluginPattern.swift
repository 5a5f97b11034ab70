internal import CPCRE2

/// A regex of a plugin's settings, compiled once; matched by any thread.
///
/// As in Kong: case matters, bytes are no UTF-8, and it matches anywhere unless it is anchored.
final class PluginPattern: Sendable {
    /// Where a match has to begin.
    enum Anchor {
        case none
        case start
    }

    /// What a match said.
    enum Outcome: Equatable {
        case match
        case noMatch
        /// The limit of steps was reached before it was known.
        case undecided
    }

    /// Steps of backtracking that one match may take.
    private static let stepLimit: UInt32 = 100_000

    /// Read only once it is compiled, as PCRE2 promises.
    private nonisolated(unsafe) let code: OpaquePointer
    private nonisolated(unsafe) let context: OpaquePointer

    /// Compiles a pattern, with JIT where the machine has it; `nil` for a faulty one.
    init?(_ text: String, anchored anchor: Anchor = .none) {
        var options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C
        if anchor == .start { options |= PCRE2_ANCHORED }
        var number: Int32 = 0
        var offset = 0
        let bytes = Array(text.utf8)
        guard let code = pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) else {
            return nil
        }
        guard let context = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(code)
            return nil
        }
        _ = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
        _ = pcre2_set_match_limit_8(context, Self.stepLimit)
        self.code = code
        self.context = context
    }

    deinit {
        pcre2_match_context_free_8(self.context)
        pcre2_code_free_8(self.code)
    }

    /// Matches bytes, and tells one capture of a match; nil when it does not match.
    func captures(_ key: String, of subject: UnsafeRawBufferPointer) -> (value: [UInt8]?, Void)? {
        guard let matches = pcre2_match_data_create_from_pattern_8(self.code, nil) else {
            return nil
        }
        defer { pcre2_match_data_free_8(matches) }
        let count = pcre2_match_8(
            self.code,
            subject.baseAddress?.assumingMemoryBound(to: UInt8.self),
            subject.count,
            0,
            0,
            matches,
            self.context
        )
        guard count > 0, let bounds = pcre2_get_ovector_pointer_8(matches) else { return nil }
        let number = Int(key) ?? Int(pcre2_substring_number_from_name_8(self.code, key))
        let pairs = Int(pcre2_get_ovector_count_8(matches))
        guard number >= 0, number < pairs, bounds[number * 2] <= bounds[number * 2 + 1],
            bounds[number * 2 + 1] <= subject.count
        else { return (nil, ()) }
        return (Array(subject[bounds[number * 2]..<bounds[number * 2 + 1]]), ())
    }

    /// Matches bytes within ``stepLimit`` steps.
    func match(_ subject: UnsafeRawBufferPointer) -> Outcome {
        guard let matches = pcre2_match_data_create_8(1, nil) else { return .undecided }
        defer { pcre2_match_data_free_8(matches) }
        let outcome = pcre2_match_8(
            self.code,
            subject.baseAddress?.assumingMemoryBound(to: UInt8.self),
            subject.count,
            0,
            0,
            matches,
            self.context
        )
        if outcome >= 0 { return .match }
        return outcome == PCRE2_ERROR_NOMATCH ? .noMatch : .undecided
    }
}
