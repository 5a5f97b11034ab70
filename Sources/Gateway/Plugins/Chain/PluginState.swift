public import MeshEntities
import MeshPrimitives

/// What plugins remember of one request until its end; kept by the data plane, trivial.
public struct PluginState: Sendable {
    /// Who sends the request, as the last authentication that succeeded says.
    public internal(set) var identity = PluginIdentity()
    /// Milliseconds since 1970 when the access phase began.
    public internal(set) var beganMilliseconds: UInt64 = 0
    /// What `session` has found of who sends the request.
    var session = SessionState()
    /// What whoever resumed the request told the step that asked, which runs again; 0 otherwise.
    public var note: UInt64 = 0
    /// Whether nobody resumed the request in time, which the step that asked is told when it runs again.
    public var isLate = false

    /// The trace that the request belongs to; none before a step has looked.
    public internal(set) var trace = TraceContext()
    /// What a Redis has told the step that asked, which runs again.
    public var tally = LimitTally()
    /// What limits of the response had counted when the request was looked at.
    var costs = LimitTally()
    /// Whose address limits of the response may count for.
    var limitAddress = IPAddress.v4(0)

    /// Which of its names `key-auth` takes out of the body, counted from 1; 0 for none.
    var hiddenName = 0
    /// Whether `hmac-auth` has yet to look at the digest of the body.
    var checksDigest = false
    /// How the client calls a service of gRPC by `grpc-web`.
    var webCall = GRPCWeb.Call.none
    /// What `proxy-cache` has found.
    var cacheStatus = ProxyCache.Status.none
    /// Names the answer whose body it waits for; 0 for none.
    var cacheNumber: UInt64 = 0
    /// Whether the request is a HEAD, whose answer has no body.
    var asksHead = false
    /// Whether the target is told of whom a step has let pass, and ``identity`` is not.
    var isForOne = false

    /// Most bytes of the request's body; more are answered with 413.
    public internal(set) var bodyLimit: UInt64 = .max
    /// Names what limits of the response count; 0 before a step of the access phase did.
    var limitKey: UInt64 = 0
    /// Milliseconds since 1970 at which the request was looked at for limits of the response.
    var limitTime: Int64 = 0
    /// The step that set ``bodyLimit``; -1 before one did.
    public internal(set) var bodyLimitedBy: Int32 = -1
    /// Which steps have changed the request or its answer, a bit for each of the first 64.
    public var changedBy: UInt64 = 0
    /// How many bytes of the request's body have come.
    public var bodyCount: UInt64 = 0

    /// Creates the state of a request that no plugin has seen.
    public init() {}

    /// Gives up the answer whose body does not come, or not to its end.
    public mutating func endAnswer(_ shared: PluginShared?) {
        guard self.cacheNumber != 0 else { return }
        _ = shared?.cache.take(self.cacheNumber)
        self.cacheNumber = 0
    }
}

/// Who sends a request.
public struct PluginIdentity: Equatable, Sendable {
    /// The consumer; nobody before authentication.
    public internal(set) var consumer = ConsumerPlace.nobody
    /// Its id.
    public internal(set) var consumerID: EntityID?
    /// The credential that was shown; nil for the anonymous consumer, or without credentials.
    public internal(set) var credential: EntityID?
    /// Whether the consumer stands for those who are not known.
    public internal(set) var isAnonymous = false

    /// Whether somebody other than the consumers' credentials vouches for the client.
    public internal(set) var isVouched = false
    /// What stands for whom somebody vouches for, where that has a name; the same on all nodes.
    var vouched: EntityID?
    /// Which part of the client's certificate is its group for `acl`; nil for none.
    var group: CertificateGroup?

    /// A part of a certificate.
    enum CertificateGroup: Equatable, Sendable {
        case commonName
        case subject
    }

    /// Nobody.
    public init() {}

    /// Whether the client has shown something that tells who it is.
    var isKnown: Bool { self.credential != nil || self.isVouched }

    /// What requests of the consumer, or else of whoever has shown something, count for.
    var counted: EntityID? { self.consumerID ?? self.shown }

    /// What stands for what the client has shown.
    var shown: EntityID? { self.credential ?? self.vouched }

    /// Whether anybody was authenticated, or let in as nobody in particular.
    public var isSome: Bool { self.consumer.isSome }
}
