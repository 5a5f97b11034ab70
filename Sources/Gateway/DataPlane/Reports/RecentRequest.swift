/// A request that is over, as a node remembers it for a while: what was decided, and no credentials,
/// header fields, query or content.
public struct RecentRequest: Sendable {
    /// 32 hexadecimal digits, as `X-Kong-Request-Id` tells the client.
    public internal(set) var id = ""
    /// When it ended, milliseconds after 1970.
    public internal(set) var milliseconds: UInt64 = 0
    /// The client's address.
    public internal(set) var client = ""
    /// The method.
    public internal(set) var method = ""
    /// The authority that it named.
    public internal(set) var host = ""
    /// The path as sent, cut where a record has no more room.
    public internal(set) var path = ""
    /// What the client was answered; 499 when it left before.
    public internal(set) var status = 0
    /// Targets tried.
    public internal(set) var attempts = 0
    /// Bytes that came from the client.
    public internal(set) var received: UInt64 = 0
    /// Bytes that were sent to the client.
    public internal(set) var returned: UInt64 = 0
    /// From the request's first byte to the answer's last.
    public internal(set) var requestMicroseconds: UInt64 = 0
    /// How long the last target was waited for; `nil` when none answered.
    public internal(set) var upstreamMicroseconds: UInt64?
    /// Who failed, and how; as the access log spells it.
    public internal(set) var failure: (owner: String, cause: String)?
    /// Whether an answer that had begun was broken off.
    public internal(set) var isCut = false
    /// The plugin that answered in place of a target; empty for none.
    public internal(set) var plugin = ""
    /// The plugins that changed the request or its answer, in their order.
    public internal(set) var changedBy: [String] = []
    /// What the plugin `correlation-id` found or made, its first 64 bytes; empty without it.
    public internal(set) var correlation = ""
    /// Members of a JSON object that name service and route; empty for a request without.
    var routeMembers = ""
    /// The member of a JSON object that names the last target; empty for none.
    var upstreamMember = ""

    /// The members `service`, `route` and `upstream` of a JSON object, as far as they are known and
    /// were not cut.
    public var places: String { "{" + (self.routeMembers + self.upstreamMember).dropFirst() + "}" }
}

/// Requests that were read, and where to go on.
public struct RecentRequests: Sendable {
    /// The oldest first.
    public var requests: [RecentRequest] = []
    /// Where the next reading begins.
    public var cursor = ""
    /// Requests that matched; more than ``requests`` when there was no room for all.
    public var matched = 0
    /// Requests that were written over before they were read.
    public var lost: UInt64 = 0
}

extension DataPlane {
    /// Requests that ended after a cursor.
    ///
    /// - Parameters:
    ///   - cursor: of an earlier reading; `nil` for only the cursor of now, `0` for all that are kept.
    ///   - limit: most requests given; of more, every so many.
    ///   - matches: which ones.
    /// - Returns: the requests, and where to go on.
    public func recentRequests(
        after cursor: String?,
        limit: Int,
        where matches: (RecentRequest) -> Bool
    ) -> RecentRequests {
        var found = RecentRequests()
        let places = (cursor ?? "").split(separator: "-").map { UInt64($0) ?? 0 }
        var ends: [String] = []
        var all: [RecentRequest] = []
        for (index, trail) in self.trails.enumerated() {
            let window = trail.window
            ends.append("\(window.upperBound)")
            guard cursor != nil else { continue }
            let known = index < places.count ? places[index] : 0
            // A number from before a restart is none of this trail.
            let first = known > window.upperBound ? 0 : known
            let isResumed = known > 0
            var left = window.upperBound - min(window.upperBound, max(first, window.lowerBound))
            let lost = trail.read(from: first) { request in
                guard left > 0 else { return false }
                left -= 1
                if matches(request) { all.append(request) }
                return true
            }
            found.lost += isResumed ? lost : 0
        }
        all.sort { $0.milliseconds < $1.milliseconds }
        found.matched = all.count
        found.cursor = ends.isEmpty ? "0" : ends.joined(separator: "-")
        let limit = max(1, limit)
        let step = max(1, (all.count + limit - 1) / limit)
        found.requests = stride(from: 0, to: all.count, by: step).map { all[$0] }
        return found
    }

    /// Requests that are kept under a request id, or that went with a correlation id; of a longer one
    /// the first 64 bytes count, since no more are kept.
    public func recentRequests(named id: String) -> [RecentRequest] {
        var found: [RecentRequest] = []
        let lowercased = id.lowercased()
        let correlation = RequestTrail.kept(correlation: id)
        for trail in self.trails {
            _ = trail.read(from: 0) { request in
                if request.id == lowercased || request.correlation == correlation {
                    found.append(request)
                }
                return found.count < 64
            }
        }
        return found.sorted { $0.milliseconds < $1.milliseconds }
    }

    /// How many requests are kept, and when the oldest of them ended: milliseconds after 1970, `nil`
    /// when none is kept.
    public var recentWindow: (count: Int, since: UInt64?) {
        var count = 0
        var since: UInt64?
        for trail in self.trails {
            count += trail.window.count
            _ = trail.read(from: 0) { request in
                since = min(since ?? .max, request.milliseconds)
                return false
            }
        }
        return (count, since)
    }
}
