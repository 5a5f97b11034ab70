/// Entities in an order; each of them is held once by all the lists that have it.
///
/// A copy costs a pointer per entity when one of the two is changed, and lists that came from each
/// other are compared by these pointers first: what was not touched is never looked at.
public struct EntityList<Entity: GatewayEntity>: Sendable {
    /// An entity that never changes.
    @usableFromInline
    final class Held: Sendable {
        @usableFromInline let entity: Entity

        init(_ entity: Entity) { self.entity = entity }
    }

    // Every module that walks a list does so without a call per entity.
    @usableFromInline var held: ContiguousArray<Held> = []

    /// Creates an empty list.
    public init() {}

    /// Whether both hold the same thing at these places, without looking at it; two equal entities
    /// that were read apart are not the same.
    @inlinable
    public func isSame(at index: Int, as other: EntityList, at place: Int) -> Bool {
        self.held[index] === other.held[place]
    }
}

extension EntityList: Equatable {
    /// Whether both have equal entities in the same order.
    @inlinable
    public static func == (left: EntityList, right: EntityList) -> Bool {
        guard left.count == right.count else { return false }
        if left.isIdentical(to: right) { return true }
        return left.indices.allSatisfy { left.isEqual(at: $0, to: right, at: $0) }
    }

    /// Whether the entities at these places are equal.
    @inlinable
    public func isEqual(at index: Int, to other: EntityList, at place: Int) -> Bool {
        let (mine, theirs) = (self.held[index], other.held[place])
        return mine === theirs || mine.entity == theirs.entity
    }

    /// Whether both are the same memory.
    @usableFromInline
    func isIdentical(to other: EntityList) -> Bool {
        self.held.withUnsafeBufferPointer { mine in
            other.held.withUnsafeBufferPointer { mine.baseAddress == $0.baseAddress }
        }
    }
}

extension EntityList: RandomAccessCollection, MutableCollection, RangeReplaceableCollection {
    /// Place of the first entity.
    @inlinable
    public var startIndex: Int { 0 }
    /// Place behind the last entity.
    @inlinable
    public var endIndex: Int { self.held.count }

    /// The entity at a place; setting one leaves other lists as they are.
    public subscript(position: Int) -> Entity {
        // Lends the entity: a getter would copy all its fields for each one that is read.
        @inlinable _read { yield self.held[position].entity }
        set { self.held[position] = Held(newValue) }
    }

    /// Replaces a part.
    public mutating func replaceSubrange(
        _ range: Range<Int>,
        with entities: some Collection<Entity>
    ) {
        self.held.replaceSubrange(range, with: entities.map(Held.init))
    }

    /// Adds an entity at the end.
    public mutating func append(_ entity: Entity) { self.held.append(Held(entity)) }

    /// Makes room for so many entities.
    public mutating func reserveCapacity(_ count: Int) { self.held.reserveCapacity(count) }

    /// Puts the entities into the order of their keys.
    public mutating func sortByKey() {
        let isSorted = self.held.indices.dropFirst().allSatisfy {
            self.held[$0 - 1].entity.id < self.held[$0].entity.id
        }
        if !isSorted { self.held.sort { $0.entity.id < $1.entity.id } }
    }

    /// The entity at a place alone, held once with this list's.
    public func only(at index: Int) -> EntityList {
        var list = EntityList()
        list.held = [self.held[index]]
        return list
    }

    /// Adds all entities of another list at the end.
    mutating func append(allOf other: EntityList) { self.held.append(contentsOf: other.held) }

    /// Adds an entity of another list at the end, without reading it anew.
    public mutating func append(from other: EntityList, at place: Int) {
        self.held.append(other.held[place])
    }
}

extension EntityList: ExpressibleByArrayLiteral {
    /// Creates a list of these entities.
    public init(arrayLiteral entities: Entity...) { self.init(entities) }
}

/// The entities of a list of any kind, each of them copied when it is asked for.
public struct EntityCollection: RandomAccessCollection, Sendable {
    /// How many there are.
    public let count: Int
    private let entity: @Sendable (Int) -> any GatewayEntity

    init<Entity: GatewayEntity>(_ list: EntityList<Entity>) {
        self.count = list.count
        self.entity = { list[$0] }
    }

    /// Place of the first entity.
    public var startIndex: Int { 0 }
    /// Place behind the last entity.
    public var endIndex: Int { self.count }

    /// The entity at a place.
    public subscript(position: Int) -> any GatewayEntity { self.entity(position) }
}
