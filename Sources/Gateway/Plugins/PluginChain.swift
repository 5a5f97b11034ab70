public import MeshEntities
public import MeshHTTP

/// The plugins of one route, compiled when a configuration is taken over.
///
/// Phases run in Kong's order: `correlation-id` (priority 100001) before `request-termination`
/// (2). An empty chain costs one comparison and allocates nothing.
public struct PluginChain: Sendable {
    private let correlation: CorrelationID?
    private let termination: RequestTermination?
    /// Whether no plugin has anything to do.
    public let isEmpty: Bool

    /// The chain without plugins.
    public static let empty = PluginChain(correlation: nil, termination: nil)

    private init(correlation: CorrelationID?, termination: RequestTermination?) {
        self.correlation = correlation
        self.termination = termination
        self.isEmpty = correlation == nil && termination == nil
    }

    /// Compiles what runs for requests of one scope.
    ///
    /// - Throws: ``PluginError`` if a chosen plugin's settings cannot be obeyed.
    public init(compiling plugins: [Plugin], for scope: PluginScope) throws(PluginError) {
        var correlation: CorrelationID?
        var termination: RequestTermination?
        if let plugin = scope.choose("correlation-id", from: plugins) {
            correlation = try CorrelationID(plugin)
        }
        if let plugin = scope.choose("request-termination", from: plugins) {
            termination = try RequestTermination(plugin)
        }
        self.init(correlation: correlation, termination: termination)
    }

    /// Runs the access phase.
    ///
    /// - Parameters:
    ///   - request: What the client sent.
    ///   - state: Kept by the caller until the response.
    ///   - upstreamFields: Takes whole lines for the upstream's request head.
    /// - Returns: The answer to give instead of asking an upstream; nil to go on.
    public func access(
        _ request: PluginRequest,
        state: inout PluginState,
        upstreamFields: inout HeadWriter
    ) -> PluginAnswer? {
        guard !self.isEmpty else { return nil }
        self.correlation?.access(request, state: &state, upstreamFields: &upstreamFields)
        guard let termination = self.termination, termination.applies(to: request) else {
            return nil
        }
        return termination.answer
    }

    /// Runs the response phase: writes whole lines for the client's response head.
    ///
    /// Also runs for answers of plugins and for errors of the gateway, as in Kong.
    public func response(_ state: PluginState, downstreamFields: inout HeadWriter) {
        guard !self.isEmpty else { return }
        self.correlation?.response(state, into: &downstreamFields)
    }
}
