public import MeshEntities

/// Place of a consumer in the directory of its snapshot.
public struct ConsumerPlace: Hashable, Sendable {
    /// The place; -1 for nobody.
    public let rawValue: Int32
    /// No consumer.
    public static let nobody = ConsumerPlace(rawValue: -1)

    init(rawValue: Int32) { self.rawValue = rawValue }

    /// Whether it is the place of a consumer at all.
    public var isSome: Bool { self.rawValue >= 0 }
}

/// A consumer as steps see it.
public struct ConsumerEntry: Equatable, Sendable {
    /// Primary key.
    public let id: EntityID
    /// User name, if it has one.
    public let username: String?
    /// Identity in another system, if it has one.
    public let customID: String?
    /// The consumer groups it belongs to, ascending.
    public internal(set) var groups: [EntityID] = []
}

/// The consumers of a configuration, found in constant time; immutable, shared by all workers.
public final class ConsumerDirectory: Sendable {
    /// Without consumers.
    public static let empty = ConsumerDirectory(.empty)

    /// By place.
    public let entries: [ConsumerEntry]
    private let places: [EntityID: ConsumerPlace]
    private let usernames: [String: ConsumerPlace]

    /// Makes the directory of a configuration, or gives the one before if nothing in it changed.
    public init(_ configuration: GatewayConfiguration, reusing previous: ConsumerDirectory? = nil) {
        let consumers = configuration.consumers
        self.entries = consumers.map {
            ConsumerEntry(id: $0.id, username: $0.username, customID: $0.customID)
        }
        var places: [EntityID: ConsumerPlace] = [:]
        var usernames: [String: ConsumerPlace] = [:]
        places.reserveCapacity(consumers.count)
        usernames.reserveCapacity(consumers.count)
        for (index, consumer) in consumers.enumerated() {
            let place = ConsumerPlace(rawValue: Int32(truncatingIfNeeded: index))
            places[consumer.id] = place
            if let name = consumer.username { usernames[name] = place }
        }
        self.places = places
        self.usernames = usernames
    }

    /// The consumer at a place; nil for nobody.
    public subscript(place: ConsumerPlace) -> ConsumerEntry? {
        let index = Int(place.rawValue)
        return self.entries.indices.contains(index) ? self.entries[index] : nil
    }

    /// The consumer with this id.
    public func place(of id: EntityID) -> ConsumerPlace? { self.places[id] }

    /// The consumer with this id or user name.
    public func place(named key: String) -> ConsumerPlace? {
        EntityID(key).flatMap { self.places[$0] } ?? self.usernames[key]
    }
}
