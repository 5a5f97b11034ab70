public import MeshMembership
public import MeshPrimitives

/// The protocol versions that a node speaks, from the oldest to the newest.
///
/// A pair of nodes uses the highest that both speak; without one they exchange nothing. Source:
/// <doc:Protocol>, "Versions".
public struct WireVersions: Hashable, Sendable {
    /// The oldest.
    public let minimum: UInt8
    /// The newest; not below ``minimum``.
    public let maximum: UInt8

    /// Those of this build.
    public static let current = WireVersions(1...1)

    /// Creates a range.
    public init(_ range: ClosedRange<UInt8>) {
        self.minimum = range.lowerBound
        self.maximum = range.upperBound
    }

    /// Reads what a member says of itself; of an empty range the lower end stands.
    public init(_ profile: MemberProfile) {
        self.minimum = profile.protocolMinimum
        self.maximum = max(profile.protocolMinimum, profile.protocolMaximum)
    }

    /// How many there are.
    public var count: Int { Int(self.maximum) - Int(self.minimum) + 1 }

    /// Whether a version is among them.
    public func contains(_ version: UInt8) -> Bool {
        self.minimum <= version && version <= self.maximum
    }

    /// The highest version that both speak; `nil` when there is none.
    public func highest(sharedWith other: WireVersions) -> UInt8? {
        let highest = min(self.maximum, other.maximum)
        return highest >= max(self.minimum, other.minimum) ? highest : nil
    }

    /// Those that are left in a mesh that was finalized at a version; all when that is above them.
    public func finalized(at version: UInt8) -> WireVersions {
        guard version <= self.maximum else { return self }
        return WireVersions(max(version, self.minimum)...self.maximum)
    }
}

extension WireVersions: CustomStringConvertible {
    /// As operators read it: `1`, or `1 to 2`.
    public var description: String {
        self.count == 1 ? "\(self.minimum)" : "\(self.minimum) to \(self.maximum)"
    }
}

/// What a build says on the wire: its versions, and what goes beyond the newest that this one knows.
///
/// Only the build of the tests that speaks the next version adds anything: with it the rules for what is
/// unknown are tried between real nodes before there is such a version.
public struct WireDialect: Sendable {
    /// Gives records to go behind a message.
    ///
    /// Called with the version of the pair and the one that the mesh is finalized at.
    public typealias Addition = @Sendable (_ version: UInt8, _ finalized: UInt8) -> [UInt8]
    /// Takes a record of a type that this version does not know: type, content, and who said it.
    public typealias Reception =
        @Sendable (_ type: UInt8, _ content: ArraySlice<UInt8>, _ sender: NodeID) -> Void

    /// Which versions it speaks.
    public var versions: WireVersions
    /// What goes behind the known fields of the node's own record; older nodes keep and relay it.
    public var recordFields: [UInt8]
    /// Records that go behind a message; none in a release.
    public var adds: Addition?
    /// What is done with records of unknown type; a release skips and counts them.
    public var takes: Reception?

    /// What this build says.
    public static let current = WireDialect(versions: .current)

    /// Creates a dialect that adds nothing.
    public init(versions: WireVersions) {
        self.versions = versions
        self.recordFields = []
    }

    /// A record in the form that a body is a row of.
    public static func record(type: UInt8, content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(type)
        writer.append(0)
        writer.write(sized: content)
        return writer.bytes
    }
}
