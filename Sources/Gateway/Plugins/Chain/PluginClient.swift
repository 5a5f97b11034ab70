/// Asks servers outside, beside the workers; from any thread, returns at once.
public protocol PluginClient: AnyObject, Sendable {
    /// Sends a whole request of HTTP/1.1 and hands over the answer; nil when none came in time.
    ///
    /// An answer whose body is longer than `byteLimit` bytes, or does not end in time, has none.
    ///
    /// - Returns: false when too much waits already, so that nothing is asked.
    func ask(
        _ endpoint: HTTPLogEndpoint,
        _ request: [UInt8],
        byteLimit: Int,
        _ done: @escaping @Sendable (OutsideAnswer?) -> Void
    ) -> Bool
}

/// What a server outside answers.
public struct OutsideAnswer: Sendable {
    /// One field of its head.
    public struct Field: Sendable {
        /// The name as it came.
        public let name: [UInt8]
        /// The value.
        public let value: [UInt8]

        /// Names a value.
        public init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// The status.
    public let status: UInt16
    /// The head's fields.
    public let fields: [Field]
    /// The body; nil when it was not read whole: it is too long, or did not end as it should, in time.
    public let body: [UInt8]?

    /// An answer.
    public init(status: UInt16, fields: [Field], body: [UInt8]?) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
