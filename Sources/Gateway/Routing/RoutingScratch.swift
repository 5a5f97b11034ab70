internal import CPCRE2

/// Memory that one thread reuses for every match, so that a match allocates nothing.
///
/// Not for two threads at once.
public final class RoutingScratch {
    /// Most stack that the machine code of one regex may use, in bytes.
    private static let stackLimit = 256 * 1024

    /// Most memory that the interpreter may use where there is no JIT, in KiB.
    private static let heapLimit: UInt32 = 1024

    let regexMemory: RegexMemory
    let expressionMemory: ExpressionMemory
    private let stack: OpaquePointer?
    /// Hash of every prefix of the path at hand, by its length.
    private(set) var prefixHashes: UnsafeMutablePointer<UInt64>
    private var prefixCapacity: Int

    /// Creates the memory of one thread.
    public init() {
        guard let matches = pcre2_match_data_create_8(1, nil),
            let context = pcre2_match_context_create_8(nil)
        else { preconditionFailure("no memory for a regex match") }
        self.regexMemory = RegexMemory(matches: matches, context: context)
        self.stack = pcre2_jit_stack_create_8(32 * 1024, Self.stackLimit, nil)
        pcre2_jit_stack_assign_8(context, nil, self.stack.map(UnsafeMutableRawPointer.init))
        _ = pcre2_set_match_limit_8(context, RegexMemory.matchLimit)
        _ = pcre2_set_heap_limit_8(context, Self.heapLimit)
        self.expressionMemory = ExpressionMemory(
            regexMemory: self.regexMemory,
            lowered: .allocate(byteCount: ExpressionMemory.byteCount, alignment: 16),
            decoded: .allocate(byteCount: ExpressionMemory.byteCount, alignment: 16)
        )
        self.prefixCapacity = 256
        self.prefixHashes = .allocate(capacity: self.prefixCapacity)
    }

    deinit {
        pcre2_match_data_free_8(self.regexMemory.matches)
        pcre2_match_context_free_8(self.regexMemory.context)
        if let stack = self.stack { pcre2_jit_stack_free_8(stack) }
        self.prefixHashes.deallocate()
        self.expressionMemory.lowered.deallocate()
        self.expressionMemory.decoded.deallocate()
    }

    /// Makes room for the hashes of `count` prefixes; allocates only when a table needs more.
    func reserve(_ count: Int) {
        guard count > self.prefixCapacity else { return }
        self.prefixHashes.deallocate()
        self.prefixCapacity = count
        self.prefixHashes = .allocate(capacity: count)
    }
}

/// What PCRE2 writes to while it matches; trivial, owned by a ``RoutingScratch``.
struct RegexMemory {
    /// Most steps of one regex on one path before it counts as no match.
    ///
    /// A path of 8 KiB costs a sane pattern a few thousand; a pattern that backtracks without end
    /// is cut after about a millisecond.
    static let matchLimit: UInt32 = 100_000

    let matches: OpaquePointer
    let context: OpaquePointer

    /// Runs one pattern.
    ///
    /// - Returns: where the matched text ends; `nil` for no match and for every limit reached.
    func run(_ code: OpaquePointer, on subject: UnsafeRawBufferPointer) -> Int? {
        self.matches(code, subject) ? pcre2_get_ovector_pointer_8(self.matches)[1] : nil
    }

    /// Runs one pattern.
    ///
    /// - Returns: how many bytes matched; `nil` for no match and for every limit reached.
    func matchedLength(of code: OpaquePointer, in subject: UnsafeRawBufferPointer) -> Int? {
        guard self.matches(code, subject) else { return nil }
        guard let bounds = pcre2_get_ovector_pointer_8(self.matches), bounds[1] >= bounds[0] else {
            return 0
        }
        return bounds[1] - bounds[0]
    }

    private func matches(_ code: OpaquePointer, _ subject: UnsafeRawBufferPointer) -> Bool {
        guard let start = subject.baseAddress else { return false }
        let outcome = pcre2_match_8(
            code,
            start.assumingMemoryBound(to: UInt8.self),
            subject.count,
            0,
            0,
            self.matches,
            self.context
        )
        return outcome >= 0
    }
}
