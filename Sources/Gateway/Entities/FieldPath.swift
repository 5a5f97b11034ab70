/// Where in a document a value stands, such as `services[0].routes[1].paths[0]`.
public struct FieldPath: Hashable, Sendable {
    /// One step from a value to a value inside it.
    public enum Step: Hashable, Sendable {
        /// Into an object.
        case field(String)
        /// Into an array, counted from 0.
        case index(Int)
    }

    /// The steps from the document's root.
    public var steps: [Step]

    /// Stands for the entity as a whole where a field is expected, as in Kong's error answers.
    public static let entityField = "@entity"

    /// The path of the whole document.
    public static let root = FieldPath([])

    /// Creates a path.
    public init(_ steps: [Step]) { self.steps = steps }

    /// Creates the path of one entry of a collection.
    public init(_ kind: EntityKind, _ index: Int) {
        self.steps = [.field(kind.rawValue), .index(index)]
    }

    /// The path of a field inside this.
    public func field(_ name: String) -> FieldPath { FieldPath(self.steps + [.field(name)]) }

    /// The path of an element inside this.
    public func index(_ index: Int) -> FieldPath { FieldPath(self.steps + [.index(index)]) }
}

extension FieldPath: CustomStringConvertible {
    /// Dotted, with indexes from 0; without the mark for the whole entity.
    public var description: String {
        var text = ""
        for step in self.steps where step != .field(Self.entityField) {
            switch step {
            case .field(let name): text += text.isEmpty ? name : ".\(name)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
