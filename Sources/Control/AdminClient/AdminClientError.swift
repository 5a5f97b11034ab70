public import MeshReports

/// Why a node's answer could not be had, or was a refusal.
public indirect enum AdminClientError: Error, Equatable, Sendable {
    /// The address is not `http://host:port`.
    case invalidAddress(String)
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
        case .invalidAddress, .refused: false
        }
    }
}

extension AdminClientError: CustomStringConvertible {
    /// What, why and what to do, on one line.
    public var description: String {
        switch self {
        case .invalidAddress(let text) where text.hasPrefix("https:"):
            "\(text): the Admin API is not asked over https yet; give --admin http://HOST:PORT"
        case .invalidAddress(let text):
            "\(text) is not an Admin API address; give --admin http://HOST:PORT"
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
