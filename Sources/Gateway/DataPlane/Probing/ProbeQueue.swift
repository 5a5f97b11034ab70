internal import MeshHealth
internal import MeshPrimitives

/// Checks that wait for their turn: at most one per target, and a bounded number.
struct ProbeQueue {
    /// Most targets that wait.
    static let limit = 16_384

    private var order: [TargetID] = []
    private var first = 0
    private var requests: [TargetID: ProbeRequest] = [:]

    var isEmpty: Bool { self.requests.isEmpty }

    /// Adds a request; returns the one that will not be carried out instead, if any.
    ///
    /// A newer request for the same target takes the place of the older one; when there is no room,
    /// the new one is given back.
    mutating func add(_ request: ProbeRequest) -> ProbeRequest? {
        if let older = self.requests[request.id] {
            self.requests[request.id] = request
            return older
        }
        guard self.requests.count < Self.limit else { return request }
        self.requests[request.id] = request
        self.order.append(request.id)
        return nil
    }

    /// Takes the request of the target that waits longest.
    mutating func take() -> ProbeRequest? {
        guard self.first < self.order.count else { return nil }
        let id = self.order[self.first]
        self.first += 1
        if self.first == self.order.count || self.first > 1_024 {
            self.order.removeFirst(self.first)
            self.first = 0
        }
        return self.requests.removeValue(forKey: id)
    }
}
