/// What a step says of a request in the access phase.
public enum PluginVerdict: Sendable {
    /// The next step's turn.
    case next
    /// The request is answered here.
    case answer(PluginAnswer)
    /// The request waits until ``PluginRequest/resumption`` is used; after so many milliseconds it is
    /// answered with `status`, which is 503 or 504, or without one the step runs once more and finds
    /// ``PluginState/isLate``.
    case suspend(milliseconds: Int64, status: UInt16?)
    /// The request's body is taken in, up to so many bytes; then the step runs once more and finds it in
    /// ``PluginRequest/content``.
    case gather(byteLimit: Int)
}

/// How a suspended request goes on.
public enum PluginResume: Sendable {
    /// With the next step; `adding` are whole lines for the target's head.
    case proceed(adding: [UInt8])
    /// With the step that suspended it, once more; it finds the number in ``PluginState/note``.
    case again(note: UInt64)
    /// With the step that suspended it, once more; it finds the tally in ``PluginState/tally``.
    case counted(LimitTally)
    /// The request is answered here.
    case answer(PluginAnswer)
}

/// Where a suspended request is waited for.
public protocol PluginResuming: AnyObject, Sendable {
    /// Hands over how a request goes on; from any thread, returns at once.
    ///
    /// One that was answered, abandoned or resumed meanwhile is not found, and nothing happens.
    func resume(_ token: UInt64, _ verdict: PluginResume)
}

/// How one suspended request is resumed; kept by whoever works for it.
public struct PluginResumption: Sendable {
    private let place: any PluginResuming
    private let token: UInt64

    /// Names one suspension of one request.
    public init(place: any PluginResuming, token: UInt64) {
        self.place = place
        self.token = token
    }

    /// Lets the request go on; only the first call counts.
    public func resume(_ verdict: PluginResume) { self.place.resume(self.token, verdict) }
}

/// Threads beside the workers, for work that takes longer than a request may hold a worker up.
public protocol PluginOutside: AnyObject, Sendable {
    /// Lets work be done soon; from any thread, returns at once.
    ///
    /// - Returns: false when too much waits already, so that it is not done at all.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool
}

/// A piece of a body, as the body phase sees it.
public struct PluginBodyPiece {
    /// Whose body it is of.
    public var side: PluginBodySide
    /// Whether it ends the body; it may be empty then.
    public var isLast: Bool
    /// The trailer fields behind the last piece, as whole lines.
    public var trailers: UnsafeRawBufferPointer
    /// What plugins remember of the request.
    public var state: PluginState

    /// A piece without trailer fields.
    public init(
        side: PluginBodySide,
        isLast: Bool,
        state: PluginState = PluginState(),
        trailers: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        self.side = side
        self.isLast = isLast
        self.state = state
        self.trailers = trailers
    }
}

/// Whose body a piece is of.
public enum PluginBodySide: Sendable {
    case request
    case response
}
