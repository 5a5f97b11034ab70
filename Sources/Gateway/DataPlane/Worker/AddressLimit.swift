internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives

/// How many connections each address has at a worker; counts nothing without a limit.
///
/// Its size is bounded by the worker's connections.
struct AddressLimit {
    /// Most connections of one address; 0: no limit.
    private let limit: Int
    /// Whose connections do not count: balancers bring those of many clients.
    private let exempt: TrustedAddresses
    private var counts: [IPAddress: Int] = [:]

    init(_ limit: Int, exempt: TrustedAddresses) {
        self.limit = limit
        self.exempt = exempt
    }

    /// Counts a connection in; `false` when its address has as many as it may.
    @inline(__always)
    mutating func admit(_ address: mesh_address) -> Bool {
        guard self.limit > 0 else { return true }
        return self.count(SocketAddress.decode(address).address)
    }

    private mutating func count(_ address: IPAddress) -> Bool {
        guard !self.exempt.contains(address) else { return true }
        let count = self.counts[address, default: 0]
        guard count < self.limit else { return false }
        self.counts[address] = count + 1
        return true
    }

    /// Counts a connection out that was admitted.
    @inline(__always)
    mutating func forget(_ address: mesh_address) {
        guard self.limit > 0 else { return }
        let address = SocketAddress.decode(address).address
        guard let count = self.counts[address] else { return }
        self.counts[address] = count > 1 ? count - 1 : nil
    }
}
