/// When a request goes to another target, and how long its tries may take; a key of services and
/// routes that Kong does not have.
///
/// Whatever it says, a request that is not idempotent is tried again only while nothing of it has
/// been sent, and `retries` of the service and the budget of retries hold.
public struct RetryRules: Equatable, Sendable {
    /// What another target is tried for.
    public enum Cause: String, CaseIterable, Sendable {
        /// The connection is refused or breaks, or TLS cannot be agreed on.
        case error
        /// A time limit passes before an answer.
        case timeout
        /// The answer is 429.
        case tooManyRequests = "http_429"
        /// The answer is 500.
        case internalError = "http_500"
        /// The answer is 502.
        case badGateway = "http_502"
        /// The answer is 503.
        case unavailable = "http_503"
        /// The answer is 504.
        case gatewayTimeout = "http_504"

        /// The status of an answer that it stands for.
        public var status: UInt16? {
            switch self {
            case .error, .timeout: nil
            case .tooManyRequests: 429
            case .internalError: 500
            case .badGateway: 502
            case .unavailable: 503
            case .gatewayTimeout: 504
            }
        }
    }

    /// What another target is tried for; default ``Cause/error`` and ``Cause/timeout``, as in Kong.
    public var causes: [Cause] = [.error, .timeout]
    /// Milliseconds that one try may take until an answer begins, 0 to 86,400,000; 0, the default,
    /// for the service's time limits alone.
    public var tryTimeout = 0
    /// Milliseconds that all tries together may take until an answer begins, 0 to 86,400,000; 0, the
    /// default, for no limit.
    public var timeout = 0
    /// Whether a GET or HEAD goes to a second target when the first takes longer than 95 of 100 answers
    /// do; default no.
    public var hedge = false

    /// Creates the defaults.
    public init() {}
}

extension RetryRules {
    static let limit = 0...86_400_000

    /// As Kong prints records.
    var document: DocumentValue {
        .record([
            "on": .list(self.causes.map { .string($0.rawValue) }),
            "try_timeout": DocumentValue(self.tryTimeout),
            "timeout": DocumentValue(self.timeout),
            "hedge": DocumentValue(self.hedge),
        ])
    }

    /// Reads the field `retry`; `nil` when it is not there.
    static func read(_ reader: inout RecordReader) -> RetryRules? {
        guard reader.value("retry") != nil else { return nil }
        return reader.record("retry") { inner in
            var rules = RetryRules()
            rules.causes = inner.choices("on") ?? rules.causes
            rules.tryTimeout = inner.integer("try_timeout", in: Self.limit) ?? 0
            rules.hedge = inner.bool("hedge") ?? false
            rules.timeout = inner.integer("timeout", in: Self.limit) ?? 0
            return rules
        }
    }

    /// What it takes.
    static let schema: [FieldSchema] = [
        .standard("on", .set(.string), .list([.string("error"), .string("timeout")])),
        .standard("try_timeout", .integer, .integer(0), in: 0...86_400_000),
        .standard("timeout", .integer, .integer(0), in: 0...86_400_000),
        .standard("hedge", .boolean, .bool(false)),
    ]
}
