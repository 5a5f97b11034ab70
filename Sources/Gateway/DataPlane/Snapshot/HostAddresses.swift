public import MeshPrimitives

/// What the resolver found for host names; literal addresses need no entry.
public struct HostAddresses: Equatable, Sendable {
    private var addresses: [String: [IPAddress]] = [:]

    /// Creates an empty table.
    public init() {}

    /// Creates a table from names and their addresses.
    public init(_ addresses: [String: [IPAddress]]) {
        for (host, found) in addresses { self[host] = found }
    }

    /// The addresses of a host name in any case, or of a literal address; empty when unknown.
    public subscript(host: String) -> [IPAddress] {
        get {
            if let literal = IPAddress(host) { return [literal] }
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
