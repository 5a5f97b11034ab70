import MeshEntities
import MeshHTTP
import MeshPrimitives

/// What a limit holds for, each by itself; where that is not known, the client's address, as in Kong.
enum LimitSubject: Sendable {
    case consumer
    case credential
    case address
    case service
    /// The value of a header, whose name is in lower case.
    case header([UInt8])
    /// Requests for one path together.
    case path([UInt8])

    /// Adds who or what the request counts for.
    func hash(_ request: PluginRequest, _ state: PluginState, _ seed: Hasher) -> Hasher {
        var hasher = seed
        if !self.combine(request, state, &hasher) { hasher.combine(request.clientAddress) }
        return hasher
    }

    private func combine(
        _ request: PluginRequest,
        _ state: PluginState,
        _ hasher: inout Hasher
    ) -> Bool {
        switch self {
        case .address: return false
        case .consumer:
            if let consumer = request.consumers[state.identity.consumer] {
                hasher.combine(consumer.id)
            } else if let id = state.identity.credential {
                hasher.combine(id)
            } else {
                return false
            }
        case .credential:
            guard let id = state.identity.credential else { return false }
            hasher.combine(id)
        case .service:
            guard let id = request.service else { return false }
            hasher.combine(id)
        case .header(let name):
            guard let value = name.withUnsafeBytes({ request.firstValue($0) }) else {
                return false
            }
            hasher.combine(bytes: value)
        case .path(let path):
            guard path.withUnsafeBytes({ $0.elementsEqual(request.path) }) else { return false }
            hasher.combine(bytes: request.path)
        }
        return true
    }
}
