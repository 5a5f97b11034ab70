public import MeshPrimitives

/// Who this node is: its key, by what it can do, and how the signatures of others are checked.
///
/// Passed into the membership, which imports no cryptography itself.
public struct MemberIdentity: Sendable {
    /// Whether a signature of some bytes was made with the secret half of a public key.
    public typealias Verify =
        @Sendable (_ signature: [UInt8], _ bytes: [UInt8], _ key: [UInt8]) -> Bool

    /// The identity that belongs to ``key``.
    public let node: NodeID
    /// The public key, 32 bytes.
    public let key: [UInt8]
    /// Signs with the secret half; gives 64 bytes.
    public let sign: @Sendable ([UInt8]) -> [UInt8]
    /// Checks a signature of anybody.
    public let verify: Verify

    /// Creates an identity.
    public init(
        node: NodeID,
        key: [UInt8],
        sign: @escaping @Sendable ([UInt8]) -> [UInt8],
        verify: @escaping Verify
    ) {
        self.node = node
        self.key = key
        self.sign = sign
        self.verify = verify
    }
}
