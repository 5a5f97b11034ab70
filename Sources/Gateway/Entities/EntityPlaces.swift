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
        self.finding(kind, index, path: [field[...]], message)
    }

    /// A finding about a field inside fields of an entity, outermost first; a number counts the
    /// elements of a list from 0.
    public func finding(
        _ kind: EntityKind,
        _ index: Int,
        path: [Substring],
        _ message: String
    ) -> Finding {
        let known = self.places[kind] ?? []
        let place = known.indices.contains(index) ? known[index] : nil
        var location = place?.location ?? FieldPath(kind, index)
        var node = place?.node
        var isInside = true
        for name in path {
            let inner = Self.inner(name, of: node)
            location = Int(name).map(location.index) ?? location.field(String(name))
            isInside = isInside && inner != nil
            if isInside { node = inner }
        }
        return Finding(at: location, message, line: node?.line, column: node?.column)
    }

    private static func inner(_ name: Substring, of node: DocumentNode?) -> DocumentNode? {
        guard case .array(let nodes)? = node?.value, let index = Int(name) else {
            return node?.value.fields?.first { $0.name == name }?.node
        }
        return nodes.indices.contains(index) ? nodes[index] : nil
    }
}
