import MeshAdminClient
import MeshReports

/// Which nodes that are drained have become empty, each by its own word: others hear of its requests
/// seconds later.
struct EmptyNodes {
    /// For how long a node must have no request: clients that come again at once show by then.
    private static let span = Duration.seconds(1)

    /// The requests that each node had when it was asked last.
    private(set) var requests: [String: Int] = [:]
    private var since: [String: ContinuousClock.Instant] = [:]

    /// Whether a node takes no traffic and has had no request for long enough; it is asked through the
    /// mesh, again and again.
    mutating func isEmpty(
        _ node: String,
        through client: AdminClient
    ) async throws(AdminClientError) -> Bool {
        let before = self.since.removeValue(forKey: node)
        let own = try await client.through(to: node).members().members.first(where: \.isAsked)
        self.requests[node] = own?.inFlight
        guard let own, own.mode != .normal, (own.inFlight ?? 0) == 0 else { return false }
        let began = before ?? .now
        self.since[node] = began
        return began.duration(to: .now) >= Self.span
    }
}
