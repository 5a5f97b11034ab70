/// The identity of a mesh: drawn at its birth, kept by all its members, told by each in its record.
public struct MeshID: Hashable, Sendable {
    /// The number.
    public let value: UInt64

    /// Takes a number.
    public init(_ value: UInt64) { self.value = value }

    /// Reads 16 hexadecimal digits; `nil` for any other text.
    public init?(_ text: String) {
        guard text.utf8.count == 16, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            let value = UInt64(text, radix: 16)
        else { return nil }
        self.value = value
    }
}

extension MeshID: CustomStringConvertible {
    /// 16 hexadecimal digits.
    public var description: String {
        let digits = String(self.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Which mesh a node belongs to, and how firmly.
///
///     alone --a member or a configuration--> forming --``Membership/meshYouth``--> founded
///
/// Of two nodes that meet under different identities the one with the weaker claim takes the other's:
/// so nodes that are started together agree on one, and a node of its own that holds nothing joins
/// whom it is pointed at. Two founded meshes never merge.
public struct MeshClaim: Equatable, Sendable {
    /// How firmly, from weak to firm.
    public enum Standing: UInt8, Comparable, Sendable {
        /// The node has never had company and holds no configuration.
        case alone = 0
        /// The mesh was born a moment ago; it may have been born at several nodes at once.
        case forming = 1
        /// The mesh stays what it is.
        case founded = 2

        /// Weaker standings come first.
        public static func < (one: Standing, other: Standing) -> Bool {
            one.rawValue < other.rawValue
        }
    }

    /// Which mesh.
    public var id: MeshID
    /// How firmly.
    public var standing: Standing

    /// Creates a claim.
    public init(id: MeshID, standing: Standing) {
        self.id = id
        self.standing = standing
    }

    /// Whether a node of this claim takes over `other`: the firmer one stands, of equals the lower.
    func yields(to other: MeshClaim) -> Bool {
        guard self.id != other.id, self.standing != .founded else { return false }
        guard self.standing == other.standing else { return self.standing < other.standing }
        return other.id.value < self.id.value
    }

    /// Whether `other` is of a mesh that can never become this one.
    func isForeign(to other: MeshClaim) -> Bool {
        self.id != other.id && self.standing == .founded && other.standing == .founded
    }
}
