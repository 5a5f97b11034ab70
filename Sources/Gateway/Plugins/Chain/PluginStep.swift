import MeshHTTP
import MeshPrimitives

/// One plugin of a route as a step of its chain: what it does in each phase, nil where it has no
/// part.
///
/// An object, so that all routes that a plugin applies to share one, and running it costs one
/// reference.
final class PluginStep: Sendable {
    /// The access phase: before a target is chosen.
    typealias Access =
        @Sendable (PluginRequest, inout PluginState, inout PluginEdits) -> PluginVerdict
    /// The response phase: before the client's head is written.
    typealias Response =
        @Sendable (ConsumerDirectory, PluginState, inout PluginEdits) -> Void
    /// The body phase: writes what takes the place of a plain piece.
    typealias Body =
        @Sendable (PluginBodyPiece, UnsafeRawBufferPointer, inout HeadWriter) -> Void

    /// Looks at a request's whole body, of which ``PluginEdits/requiresBody`` was asked; an answer in
    /// place of the target's, or nil.
    typealias Check = @Sendable (PluginRequest, PluginState, [UInt8]) -> PluginAnswer?

    /// Changes a whole body, of which ``PluginEdits/collectsBody`` was asked; nil leaves it.
    typealias Whole =
        @Sendable (PluginBodySide, PluginRequest, PluginEdits, [UInt8], PluginState) -> [UInt8]?

    /// Looks at the whole body that the client gets, of which ``PluginEdits/keepsBody`` was asked.
    typealias Seen = @Sendable (PluginSeenBody, PluginRequest, PluginState) -> Void

    /// Whether a client may open a connection, or a session of datagrams, of a stream route.
    typealias Connection = @Sendable (IPAddress) -> Bool

    let access: Access?
    let response: Response?
    let body: Body?
    let whole: Whole?
    let seen: Seen?
    let check: Check?
    let connection: Connection?
    /// Where it tells of requests that are over.
    let logs: [any LogTaking]
    /// Whether it looks at ``PluginRequest/captures``.
    let readsCaptures: Bool
    /// Whether it looks at ``PluginRequest/matched``.
    let readsMatched: Bool
    /// Whether what its requests cost is counted by consumer too.
    let countsConsumers: Bool
    /// Whether it needs ``PluginRequest/listenAddress``, which costs a system call.
    let readsListenAddress: Bool
    /// The field in which it tells requests apart.
    let correlationField: CorrelationField?

    init(
        access: Access? = nil,
        response: Response? = nil,
        body: Body? = nil,
        whole: Whole? = nil,
        seen: Seen? = nil,
        check: Check? = nil,
        connection: Connection? = nil,
        logs: [any LogTaking] = [],
        readsCaptures: Bool = false,
        readsMatched: Bool = false,
        countsConsumers: Bool = false,
        readsListenAddress: Bool = false,
        correlationField: CorrelationField? = nil
    ) {
        self.access = access
        self.response = response
        self.body = body
        self.whole = whole
        self.seen = seen
        self.check = check
        self.connection = connection
        self.logs = logs
        self.readsCaptures = readsCaptures
        self.readsMatched = readsMatched
        self.countsConsumers = countsConsumers
        self.readsListenAddress = readsListenAddress
        self.correlationField = correlationField
    }
}
