public import MeshPrimitives

/// What the resolver found for host names; literal addresses need no entry.
public struct HostAddresses: Equatable, Sendable {
    private var addresses: [String: [HostAddress]] = [:]

    /// Creates an empty table.
    public init() {}

    /// Creates a table from names and their addresses.
    public init(_ addresses: [String: [HostAddress]]) {
        for (host, found) in addresses { self[host] = found }
    }

    /// Creates a table from names that have no SRV records, and their addresses.
    public init(_ addresses: [String: [IPAddress]]) {
        for (host, found) in addresses { self[host] = found.map { HostAddress($0) } }
    }

    /// The addresses of a host name in any case, or of a literal address; empty when unknown.
    public subscript(host: String) -> [HostAddress] {
        get {
            if let literal = IPAddress(host) { return [HostAddress(literal)] }
            return self.addresses[host.lowercased()] ?? []
        }
        set { self.addresses[host.lowercased()] = newValue }
    }

    /// Names, in lower case, whose addresses another table does not give.
    func hosts(differingFrom other: HostAddresses) -> Set<String> {
        guard self != other else { return [] }
        let names = Set(self.addresses.keys).union(other.addresses.keys)
        return names.filter { self.addresses[$0] != other.addresses[$0] }
    }
}
