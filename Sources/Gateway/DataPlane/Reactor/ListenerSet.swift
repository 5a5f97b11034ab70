internal import CMeshSystem
internal import Glibc
internal import MeshPrimitives

/// The listening sockets of all workers: each has its own for every address.
struct ListenerSet {
    /// The addresses, with the ports that the system chose: plain, then TLS, then streams.
    private(set) var endpoints: [Endpoint] = []
    private var rows: [[Listener]] = []
    /// Sockets for datagrams, by address, then by worker.
    private var datagramRows: [[Int32]] = []

    /// Connections that the kernel keeps waiting per socket.
    private static let backlog: Int32 = 4_096

    init(_ configuration: DataPlaneConfiguration, workers: Int) throws(DataPlaneError) {
        do {
            for address in configuration.listen { try self.add(address, .http, workers) }
            for address in configuration.tlsListen { try self.add(address, .https, workers) }
            for stream in configuration.streamListen {
                switch stream.kind {
                case .tcp: try self.add(stream.address, .tcp, workers)
                case .tls: try self.add(stream.address, .tls, workers)
                case .udp: try self.addDatagrams(stream.address.endpoint, workers)
                }
            }
        } catch {
            for listener in self.rows.joined() { close(listener.descriptor) }
            for descriptor in self.datagramRows.joined() { close(descriptor) }
            throw error
        }
    }

    private mutating func add(
        _ wanted: ListenAddress,
        _ kind: Listener.Kind,
        _ workers: Int
    ) throws(DataPlaneError) {
        var address = SocketAddress.encode(wanted.endpoint)
        try Self.checkVacant(&address, wanted.endpoint)
        var row: [Listener] = []
        for _ in 0..<workers {
            let descriptor = mesh_listen(&address, Self.backlog, 1)
            guard descriptor >= 0 else {
                for listener in row { close(listener.descriptor) }
                throw .cannotListen(wanted.endpoint, errno: -descriptor)
            }
            row.append(
                Listener(
                    descriptor: descriptor,
                    kind: kind,
                    isProxyProtocol: wanted.isProxyProtocol
                )
            )
            // The first socket learns the port; the others must share it.
            _ = mesh_local_address(descriptor, &address)
        }
        self.rows.append(row)
        self.endpoints.append(SocketAddress.decode(address))
    }

    private mutating func addDatagrams(
        _ wanted: Endpoint,
        _ workers: Int
    ) throws(DataPlaneError) {
        var address = SocketAddress.encode(wanted)
        if address.port != 0 {
            let probe = mesh_datagram_listen(&address, 0)
            guard probe >= 0 else { throw .cannotListen(wanted, errno: -probe) }
            close(probe)
        }
        var row: [Int32] = []
        for _ in 0..<workers {
            let descriptor = mesh_datagram_listen(&address, 1)
            guard descriptor >= 0 else {
                for descriptor in row { close(descriptor) }
                throw .cannotListen(wanted, errno: -descriptor)
            }
            row.append(descriptor)
            _ = mesh_local_address(descriptor, &address)
        }
        self.datagramRows.append(row)
        self.endpoints.append(SocketAddress.decode(address))
    }

    /// Refuses an address that another process listens on: the system would share its connections
    /// out between both, since ours share theirs.
    private static func checkVacant(
        _ address: inout mesh_address,
        _ endpoint: Endpoint
    ) throws(DataPlaneError) {
        guard address.port != 0 else { return }
        let probe = mesh_listen(&address, 1, 0)
        guard probe >= 0 else { throw .cannotListen(endpoint, errno: -probe) }
        close(probe)
    }

    /// One worker's sockets for connections.
    func ofWorker(_ worker: Int) -> [Listener] { self.rows.map { $0[worker] } }

    /// One worker's sockets for datagrams.
    func datagramsOfWorker(_ worker: Int) -> [Int32] { self.datagramRows.map { $0[worker] } }
}
