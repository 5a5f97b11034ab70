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
    func combine(_ request: PluginRequest, _ state: PluginState, into hasher: inout LimitHasher) {
        guard !self.combineOwn(request, state, &hasher) else { return }
        switch request.clientAddress {
        case .v4(let address): hasher.combine(4 << 32 | UInt64(address))
        case .v6(let high, let low):
            hasher.combine(6)
            hasher.combine(high)
            hasher.combine(low)
        }
    }

    private func combineOwn(
        _ request: PluginRequest,
        _ state: PluginState,
        _ hasher: inout LimitHasher
    ) -> Bool {
        switch self {
        case .address: return false
        case .consumer:
            guard let id = state.identity.counted else { return false }
            Self.combine(id, 1, &hasher)
        case .credential:
            guard let id = state.identity.shown else { return false }
            Self.combine(id, 2, &hasher)
        case .service:
            guard let id = request.service else { return false }
            Self.combine(id, 3, &hasher)
        case .header(let name):
            guard let value = name.withUnsafeBytes({ request.firstValue($0) }) else {
                return false
            }
            hasher.combine(5)
            hasher.combine(bytes: value)
        case .path(let path):
            guard path.withUnsafeBytes({ $0.elementsEqual(request.path) }) else { return false }
            hasher.combine(7)
            hasher.combine(bytes: request.path)
        }
        return true
    }

    /// Who or what the request counts for, as Kong names it in the keys of a Redis.
    func identifier(_ request: PluginRequest, _ state: PluginState) -> String {
        let own: String? =
            switch self {
            case .address: nil
            case .consumer: state.identity.counted?.description
            case .credential: state.identity.shown?.description
            case .service: request.service?.description
            case .header(let name):
                name.withUnsafeBytes { request.firstValue($0) }
                    .map { String(decoding: $0, as: UTF8.self) }
            case .path(let path):
                path.withUnsafeBytes { $0.elementsEqual(request.path) }
                    ? String(decoding: path, as: UTF8.self) : nil
            }
        return own ?? "\(request.clientAddress)"
    }

    /// The same once the request has gone, for those that limits of the response may have.
    func identifier(_ state: PluginState) -> String {
        switch self {
        case .consumer: state.identity.counted?.description ?? "\(state.limitAddress)"
        case .credential: state.identity.shown?.description ?? "\(state.limitAddress)"
        case .address, .service, .header, .path: "\(state.limitAddress)"
        }
    }

    /// What stands for somebody who has a name, and no entity.
    static func id(of name: [UInt8], _ counters: LimitCounters) -> EntityID {
        var hasher = LimitHasher(key: counters.secret)
        name.withUnsafeBytes { hasher.combine(bytes: $0) }
        let low = hasher.finalize()
        hasher.combine(1)
        return EntityID(high: hasher.finalize(), low: low)
    }

    private static func combine(_ id: EntityID, _ kind: UInt64, _ hasher: inout LimitHasher) {
        hasher.combine(kind)
        hasher.combine(id.high)
        hasher.combine(id.low)
    }
}

/// The route and the service that a plugin is set for, which its counts are kept apart by, as in Kong.
struct LimitScope: Sendable {
    private let words: [UInt64]
    /// `route:service`, as Kong's keys have it.
    let text: String

    init(_ plugin: Plugin) {
        let nothing = EntityID(high: 0, low: 0)
        self.text = "\(plugin.route ?? nothing):\(plugin.service ?? nothing)"
        self.words = [plugin.route, plugin.service].flatMap { id in
            [id?.high ?? 0, id?.low ?? 0]
        }
    }

    /// A hasher that has taken the scope in.
    func hasher(_ counters: LimitCounters) -> LimitHasher {
        var hasher = LimitHasher(key: counters.secret)
        for word in self.words { hasher.combine(word) }
        return hasher
    }
}
