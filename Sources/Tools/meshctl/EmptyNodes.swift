import MeshAdminClient
import MeshReports

/// Which nodes that are drained have become empty, each by its own word: others hear of its requests
/// seconds later.
struct EmptyNodes {
    /// For how long a node must have no request when it is asked: clients that come again at once show by then.
    private static let span = Duration.seconds(1)

    /// The requests that each node had when it was asked last, without sessions of datagrams.
    private(set) var requests: [String: Int] = [:]
    /// Why a node could not be asked last.
    private(set) var problems: [String: String] = [:]
    private var since: [String: ContinuousClock.Instant] = [:]

    /// Whether a node takes no traffic and has had no request whenever it was asked for long enough; it is
    /// asked through the mesh, again and again.
    mutating func isEmpty(
        _ node: String,
        through client: AdminClient
    ) async throws(AdminClientError) -> Bool {
        let before = self.since.removeValue(forKey: node)
        let own: MemberReport?
        do throws(AdminClientError) {
            own = try await client.through(to: node).members().members.first(where: \.isAsked)
        } catch {
            self.problems[node] = "\(error)"
            throw error
        }
        self.problems[node] = nil
        self.requests[node] = own?.inFlight
        guard let own, own.mode != .normal, (own.inFlight ?? 0) == 0 else { return false }
        let began = before ?? .now
        self.since[node] = began
        return began.duration(to: .now) >= Self.span
    }
}
