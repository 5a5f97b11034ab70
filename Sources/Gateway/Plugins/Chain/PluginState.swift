public import MeshEntities

/// What plugins remember of one request until its end; kept by the data plane, trivial.
public struct PluginState: Sendable {
    /// Who sends the request, as the last authentication that succeeded says.
    public internal(set) var identity = PluginIdentity()
    /// What whoever resumed the request told the step that asked, which runs again; 0 otherwise.
    public var note: UInt64 = 0

    /// Most bytes of the request's body; more are answered with 413.
    public internal(set) var bodyLimit: UInt64 = .max
    /// How many bytes of the request's body have come.
    public var bodyCount: UInt64 = 0

    /// Creates the state of a request that no plugin has seen.
    public init() {}
}

/// Who sends a request.
public struct PluginIdentity: Equatable, Sendable {
    /// The consumer; nobody before authentication.
    public internal(set) var consumer = ConsumerPlace.nobody
    /// The credential that was shown; nil for the anonymous consumer, or without credentials.
    public internal(set) var credential: EntityID?
    /// Whether the consumer stands for those who are not known.
    public internal(set) var isAnonymous = false

    /// Nobody.
    public init() {}

    /// Whether anybody was authenticated, or let in as nobody in particular.
    public var isSome: Bool { self.consumer.isSome }
}
