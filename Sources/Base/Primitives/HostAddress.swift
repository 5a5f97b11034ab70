/// One address behind a host name, with what an SRV record says of it (RFC 2782).
public struct HostAddress: Hashable, Sendable {
    /// What a record says of where a service is.
    public struct Service: Hashable, Sendable {
        /// The host that offers the service, in lower case, without a dot at its end.
        public let name: String
        /// The port it is offered at.
        public let port: UInt16
        /// Share of the traffic among records of one priority, 1 to 65,535.
        public let weight: Int

        /// Creates it; a weight of 0 counts as 1, as in Kong.
        public init(name: String, port: UInt16, weight: Int) {
            self.name = name
            self.port = port
            self.weight = min(max(1, weight), 65_535)
        }
    }

    /// The address.
    public let address: IPAddress
    /// What the SRV record says that led to it; `nil` for a name with addresses of its own.
    public let service: Service?

    /// Creates an address.
    public init(_ address: IPAddress, service: Service? = nil) {
        self.address = address
        self.service = service
    }
}

extension HostAddress: Comparable {
    /// Orders IPv4 first, then by number, then by port, name and weight.
    public static func < (left: HostAddress, right: HostAddress) -> Bool {
        guard left.address == right.address else {
            switch (left.address, right.address) {
            case (.v4(let left), .v4(let right)): return left < right
            case (.v4, .v6): return true
            case (.v6, .v4): return false
            case (.v6(let leftHigh, let leftLow), .v6(let rightHigh, let rightLow)):
                return (leftHigh, leftLow) < (rightHigh, rightLow)
            }
        }
        guard let one = left.service, let other = right.service else {
            return left.service == nil && right.service != nil
        }
        return (one.port, one.name, one.weight) < (other.port, other.name, other.weight)
    }
}
