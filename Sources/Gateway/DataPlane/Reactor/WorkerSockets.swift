internal import Glibc
internal import MeshListening
internal import MeshPrimitives

/// The listening sockets of all workers: each has its own for every address.
struct WorkerSockets {
    /// What the sockets are called in the node's ``MeshListening/ListenerSet``.
    enum Name {
        static let plain = "proxy"
        static let tls = "proxy-tls"
        static let streams = "proxy-stream"
        static let all = [Self.plain, Self.tls, Self.streams]
    }

    /// The addresses, with the ports that the system chose: plain, then TLS, then streams.
    private(set) var endpoints: [Endpoint] = []
    private var listeners: [[Listener]]
    /// Sockets for datagrams, by worker.
    private var datagrams: [[Int32]]
    private let source: ListenerSet

    /// Connections that the kernel keeps waiting per socket.
    private static let backlog: Int32 = 4_096

    init(
        _ configuration: DataPlaneConfiguration,
        workers: Int,
        from source: ListenerSet
    ) throws(DataPlaneError) {
        self.source = source
        self.listeners = Array(repeating: [], count: workers)
        self.datagrams = Array(repeating: [], count: workers)
        do {
            for address in configuration.listen { try self.add(address, .http, Name.plain) }
            for address in configuration.tlsListen { try self.add(address, .https, Name.tls) }
            for stream in configuration.streamListen {
                switch stream.kind {
                case .tcp: try self.add(stream.address, .tcp, Name.streams)
                case .tls: try self.add(stream.address, .tls, Name.streams)
                case .udp: try self.addDatagrams(stream.address.endpoint)
                }
            }
        } catch {
            for listener in self.listeners.joined() { close(listener.descriptor) }
            for descriptor in self.datagrams.joined() { close(descriptor) }
            for name in Name.all { source.release(name) }
            throw error
        }
    }

    private mutating func add(
        _ wanted: ListenAddress,
        _ kind: Listener.Kind,
        _ name: String
    ) throws(DataPlaneError) {
        let descriptors = try self.open(name, .stream(wanted.endpoint), wanted.endpoint)
        for (index, descriptor) in descriptors.enumerated() {
            let listener = Listener(
                descriptor: descriptor,
                kind: kind,
                isProxyProtocol: wanted.isProxyProtocol
            )
            self.listeners[index % self.listeners.count].append(listener)
        }
    }

    private mutating func addDatagrams(_ wanted: Endpoint) throws(DataPlaneError) {
        let descriptors = try self.open(Name.streams, .datagrams(wanted), wanted)
        for (index, descriptor) in descriptors.enumerated() {
            self.datagrams[index % self.datagrams.count].append(descriptor)
        }
    }

    /// At least one socket per worker; what was inherited beyond that is read by them in turn.
    private mutating func open(
        _ name: String,
        _ place: ListenPlace,
        _ wanted: Endpoint
    ) throws(DataPlaneError) -> [Int32] {
        let request = ListenRequest(
            name,
            place,
            workers: self.listeners.count,
            backlog: Self.backlog
        )
        do throws(ListenFailure) {
            let (place, descriptors) = try self.source.open(request)
            switch place {
            case .stream(let endpoint), .datagrams(let endpoint): self.endpoints.append(endpoint)
            case .path: break
            }
            return descriptors
        } catch {
            throw .cannotListen(wanted, errno: error.code)
        }
    }

    /// One worker's sockets for connections.
    func ofWorker(_ worker: Int) -> [Listener] { self.listeners[worker] }

    /// One worker's sockets for datagrams.
    func datagramsOfWorker(_ worker: Int) -> [Int32] { self.datagrams[worker] }
}
