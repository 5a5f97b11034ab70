public import MeshPrimitives

/// Why the cluster's service could not do what it was asked.
public indirect enum ClusterError: Error, Equatable, Sendable {
    /// The gossip address could not be bound.
    case bindFailed(Endpoint, reason: String)
    /// A successor is taking the node over; nothing was written.
    case handingOver
}

extension ClusterError: CustomStringConvertible {
    /// One sentence for the operator: what failed, what to do.
    public var description: String {
        switch self {
        case .handingOver: "the node is being handed to its successor: try again in a moment"
        case .bindFailed(let endpoint, let reason):
            "gossip.bind \(endpoint) cannot be bound for UDP and TCP (\(reason)): "
                + "stop what uses it, or choose another address or port"
        }
    }
}
