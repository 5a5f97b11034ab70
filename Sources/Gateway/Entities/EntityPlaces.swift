/// Where the entities of a configuration stand in the document they were read from.
///
/// Each list runs parallel to the configuration's list of the same kind. An entity without a place
/// is named by its kind and index.
public struct EntityPlaces: Sendable {
    /// The place of one entity.
    public struct Place: Sendable {
        /// Its path in the document.
        public var location: FieldPath
        /// Its object in the document.
        public var node: DocumentNode

        /// Creates a place.
        public init(location: FieldPath, node: DocumentNode) {
            self.location = location
            self.node = node
        }
    }

    private var places: [EntityKind: [Place]] = [:]

    /// Creates places for entities that come from no document.
    public init() {}

    /// Adds the place of the next entity of a kind.
    public mutating func append(_ place: Place, of kind: EntityKind) {
        self.places[kind, default: []].append(place)
    }

    /// A finding about an entity, or about one of its fields when `field` is one.
    public func finding(
        _ kind: EntityKind,
        _ index: Int,
        _ field: String,
        _ message: String
    ) -> Finding {
        guard let known = self.places[kind], known.indices.contains(index) else {
            return Finding(at: FieldPath(kind, index).field(field), message)
        }
        let place = known[index]
        let node = place.node.value.fields?.first { $0.name == field }?.node
        return Finding(
            at: place.location.field(field),
            message,
            line: node?.line ?? place.node.line,
            column: node?.column ?? place.node.column
        )
    }
}
