/// One address that requests can be sent to, the same number on every node and at every load.
///
/// A target with a host name that resolves to three addresses has three of these.
public struct TargetID: Hashable, Comparable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt64

    /// Creates an identity from its wire form.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Names one address of one target of one upstream.
    ///
    /// - Parameters:
    ///   - upstream: the upstream's name, or the service's id when its host names no upstream.
    ///   - target: `host:port` as written in the configuration.
    ///   - endpoint: the resolved address.
    public init(upstream: String, target: String, endpoint: Endpoint) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(upstream)|\(target)|\(endpoint)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        self.rawValue = SeededGenerator.mix(hash)
    }

    /// Orders by number; means nothing beyond being the same everywhere.
    public static func < (left: TargetID, right: TargetID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension TargetID: CustomStringConvertible {
    /// Lower-case hexadecimal digits.
    public var description: String { String(self.rawValue, radix: 16) }
}
