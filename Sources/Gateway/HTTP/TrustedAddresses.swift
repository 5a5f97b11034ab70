public import MeshPrimitives

/// The proxies in front whose word about the client is believed.
///
/// Source: Kong 3.x, `trusted_ips`; nginx, `set_real_ip_from`.
public struct TrustedAddresses: Equatable, Sendable {
    /// An entry that is neither address, block nor `unix:`.
    public struct UnknownEntry: Error, Equatable, Sendable {
        /// The entry as it was written.
        public let text: String
    }

    private var addresses = AddressSet()
    /// Whether peers on unix sockets are trusted (`unix:`).
    public private(set) var includesUnixSockets = false

    /// Trusts nobody, which is Kong's default.
    public init() {}

    /// Reads the entries of Kong's setting: addresses, blocks as `10.0.0.0/8`, and `unix:`.
    ///
    /// - Throws: the first entry that is none of these.
    public init(_ entries: [String]) throws(UnknownEntry) {
        var blocks: [AddressBlock] = []
        for entry in entries {
            if entry == "unix:" {
                self.includesUnixSockets = true
            } else if let block = AddressBlock(entry) {
                blocks.append(block)
            } else {
                throw UnknownEntry(text: entry)
            }
        }
        self.addresses = AddressSet(blocks)
    }

    /// Whether nobody is trusted.
    public var isEmpty: Bool { self.addresses.isEmpty && !self.includesUnixSockets }

    /// Whether the address is trusted; O(log n), without allocating.
    public func contains(_ address: IPAddress) -> Bool { self.addresses.contains(address) }
}
