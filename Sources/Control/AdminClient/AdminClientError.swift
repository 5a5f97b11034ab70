public import MeshReports

/// Why a node's answer could not be had, or was a refusal.
public indirect enum AdminClientError: Error, Equatable, Sendable {
    /// The address is none of `http://host:port`, `https://host:port` and `unix:/path`.
    case invalidAddress(String)
    /// A certificate, key or authority given to the client cannot be used.
    case unusable(reason: String)
    /// TLS did not come about: the client does not trust the node, or the node not the client.
    case untrusted(address: String, reason: String)
    /// No connection, or it broke before the answer was whole.
    case unreachable(address: String, reason: String)
    /// No answer in time; what was asked for may still happen.
    case timedOut(address: String, after: Duration)
    /// The node refused.
    case refused(status: Int, FailureReport)
    /// The answer was not what this client understands.
    case unexpected(address: String, reason: String)
}

extension AdminClientError {
    /// Whether what was asked for may have been done although no answer came.
    public var leavesDoubt: Bool {
        switch self {
        case .unreachable, .timedOut, .unexpected: true
        case .invalidAddress, .unusable, .untrusted, .refused: false
        }
    }
}

extension AdminClientError: CustomStringConvertible {
    /// What, why and what to do, on one line.
    public var description: String {
        switch self {
        case .invalidAddress(let text):
            "\(text) is not an Admin API address; give --admin http://HOST:PORT, https://HOST:PORT "
                + "or unix:/PATH"
        case .unusable(let reason): reason
        case .untrusted(let address, let reason):
            "no TLS with \(address): \(reason); see --cacert, --cert and --key"
        case .unreachable(let address, let reason):
            "no node answers at \(address): \(reason); is meshd running there? see --admin"
        case .timedOut(let address, let limit):
            "\(address) did not answer within \(limit); ask another node, and look at that one"
        case .refused(_, let failure):
            failure.code.isEmpty ? failure.message : "\(failure.code) \(failure.message)"
        case .unexpected(let address, let reason):
            "\(address) answered something else than Meshgate: \(reason); see --admin"
        }
    }
}
