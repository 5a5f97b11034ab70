/// The body of a request, as far as a step of the access phase may look at it.
public enum RequestContent: Sendable {
    /// No step has asked for it; ``PluginVerdict/gather(byteLimit:)`` does.
    case unasked
    /// All of it; empty when the request has none.
    case whole([UInt8])
    /// Longer than was asked for, or without an end, as of a connection that is upgraded.
    case unreadable
}
