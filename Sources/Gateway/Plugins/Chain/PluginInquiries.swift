/// Asks several servers outside about one thing, beside the workers; from any thread, returns at once.
public protocol PluginInquiries: AnyObject, Sendable {
    /// Asks one server after the other until one says enough, all of them in so many milliseconds from
    /// now on: each gets its share of what is left.
    ///
    /// What is asked under a key that is being asked for is not asked again: whoever asks is told with
    /// those before.
    ///
    /// - Parameters:
    ///   - questions: whom to ask, and what.
    ///   - key: what stands for that of which is asked.
    ///   - milliseconds: the time for all of them; above 0.
    ///   - byteLimit: most bytes of a body.
    ///   - read: what an answer says; nil when that is not enough. Called with the server's place.
    ///   - done: called with what came of it, and with the milliseconds since 1970 of that instant.
    /// - Returns: false when too much waits already, so that nobody is asked, nor `done` called.
    func ask(
        _ questions: [OutsideQuestion],
        as key: PluginMark,
        milliseconds: Int64,
        byteLimit: Int,
        read: @escaping @Sendable (Int, OutsideAnswer) -> UInt64?,
        done: @escaping @Sendable (OutsideFinding, UInt64) -> Void
    ) -> Bool
}

/// What one server outside is asked.
public struct OutsideQuestion: Sendable {
    /// The server.
    public let endpoint: HTTPLogEndpoint
    /// A whole request of HTTP/1.1.
    public let request: [UInt8]

    /// Asks a server.
    public init(endpoint: HTTPLogEndpoint, request: [UInt8]) {
        self.endpoint = endpoint
        self.request = request
    }
}

/// What came of asking servers outside.
public enum OutsideFinding: Equatable, Sendable {
    /// What the first answer says that says enough.
    case found(UInt64)
    /// Nobody said enough.
    case nothing
    /// Nobody was asked, since the time was up before it was this one's turn.
    case unasked
}
