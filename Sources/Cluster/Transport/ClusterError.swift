public import MeshPrimitives

/// Why the cluster's service could not do what it was asked.
public indirect enum ClusterError: Error, Equatable, Sendable {
    /// The gossip address could not be bound.
    case bindFailed(Endpoint, reason: String)
    /// The write could not be saved, so nothing was changed.
    case saveFailed(reason: String)
    /// Too many writes wait for the disk; nothing was changed.
    case tooManyWrites(limit: Int)
}

extension ClusterError: CustomStringConvertible {
    /// One sentence for the operator: what failed, what to do.
    public var description: String {
        switch self {
        case .bindFailed(let endpoint, let reason):
            "gossip.bind \(endpoint) cannot be bound for UDP and TCP (\(reason)): "
                + "stop what uses it, or choose another address or port"
        case .saveFailed(let reason):
            "the change was not saved and not applied: \(reason)"
        case .tooManyWrites(let limit):
            "\(limit) writes wait for the disk already: try again later"
        }
    }
}
