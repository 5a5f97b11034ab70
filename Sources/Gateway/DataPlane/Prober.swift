public import MeshHealth

/// Carries out active checks on a thread of its own, the way traffic goes.
public final class Prober: Sendable {
    private let onResult: @Sendable (ProbeResult) -> Void

    /// Creates a prober that does nothing yet.
    ///
    /// - Parameter onResult: called on the prober's thread for every request; must return quickly.
    public init(onResult: @escaping @Sendable (ProbeResult) -> Void) { self.onResult = onResult }

    /// Starts the thread.
    ///
    /// - Throws: ``DataPlaneError`` when the system refuses it.
    public func start() throws(DataPlaneError) {}

    /// Asks for one check; its result comes later, whatever happens.
    public func submit(_ request: ProbeRequest) {}

    /// Ends the thread; checks in flight have no result.
    public func stop() {}
}
