internal import CMeshSystem
internal import Glibc
internal import MeshPrimitives

/// The listening sockets of all workers: each has its own for every address.
struct ListenerSet {
    /// The addresses, with the ports that the system chose.
    private(set) var endpoints: [Endpoint] = []
    private var rows: [[Int32]] = []

    /// Connections that the kernel keeps waiting per socket.
    private static let backlog: Int32 = 4_096

    init(_ wanted: [Endpoint], workers: Int) throws(DataPlaneError) {
        for endpoint in wanted {
            var address = SocketAddress.encode(endpoint)
            var row: [Int32] = []
            for _ in 0..<workers {
                let descriptor = mesh_listen(&address, Self.backlog)
                guard descriptor >= 0 else {
                    for open in (self.rows + [row]).joined() { close(open) }
                    throw .cannotListen(endpoint, errno: -descriptor)
                }
                row.append(descriptor)
                // The first socket learns the port; the others must share it.
                _ = mesh_local_address(descriptor, &address)
            }
            self.rows.append(row)
            self.endpoints.append(SocketAddress.decode(address))
        }
    }

    /// One worker's sockets.
    func descriptors(worker: Int) -> [Int32] { self.rows.map { $0[worker] } }
}
