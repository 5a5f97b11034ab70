public import MeshPrimitives

/// How a node seals the changesets of its store, and checks the seals of others.
///
/// Passed into the changelog, which imports no cryptography itself. A seal shows which node wrote a
/// changeset: whoever relays it cannot make one up in that node's name.
public struct WriterKeys: Sendable {
    /// Seals bytes as this node.
    public let seal: @Sendable (_ bytes: [UInt8]) -> [UInt8]
    /// Whether a node has sealed these bytes.
    public let isGenuine: @Sendable (_ node: NodeID, _ seal: [UInt8], _ bytes: [UInt8]) -> Bool

    /// Creates keys.
    public init(
        seal: @escaping @Sendable (_ bytes: [UInt8]) -> [UInt8],
        isGenuine: @escaping @Sendable (_ node: NodeID, _ seal: [UInt8], _ bytes: [UInt8]) -> Bool
    ) {
        self.seal = seal
        self.isGenuine = isGenuine
    }
}
