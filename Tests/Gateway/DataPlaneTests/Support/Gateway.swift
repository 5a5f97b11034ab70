import MeshEntities
import MeshHealth
import MeshListening
import MeshPrimitives
import MeshTLS
import Synchronization

@testable import MeshDataPlane

/// A data plane under test, with one service and one route on `/`.
final class Gateway: Sendable {
    let plane: DataPlane
    let log: Observations

    /// What the workers reported.
    final class Observations: Sendable {
        private let all = Mutex<[TargetObservation]>([])

        func add(_ observations: [TargetObservation]) { self.all.withLock { $0 += observations } }

        var values: [TargetObservation] { self.all.withLock { $0 } }
    }

    init(
        _ entities: GatewayConfiguration,
        workers: Int = 1,
        listeners: ListenerSet = ListenerSet(),
        change: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = DataPlaneConfiguration()
        configuration.listen = [ListenAddress(Endpoint(address: .v4(0x7F00_0001), port: 0))]
        configuration.workers = workers
        change(&configuration)
        let log = Observations()
        self.log = log
        self.plane = DataPlane(
            configuration: configuration,
            listeners: listeners
        ) { log.add($0) }
        try self.plane.start()
        try self.install(entities, version: 1)
    }

    deinit { self.plane.stop() }

    func install(_ entities: GatewayConfiguration, version: UInt64) throws {
        try self.plane.install(
            try Snapshot(
                configuration: entities,
                addresses: HostAddresses(),
                localRegion: "eu",
                version: version,
                flavor: self.plane.routerFlavor
            )
        )
    }

    var port: UInt16 { self.plane.boundEndpoints.first?.port ?? 0 }

    /// The port of the TLS listener, the last one.
    var tlsPort: UInt16 { self.plane.boundEndpoints.last?.port ?? 0 }

    /// A new client connection over TLS that checks nothing.
    func connectTLS(
        name: String = "",
        protocols: [String] = [],
        change: (inout TLSClientSettings) -> Void = { _ in }
    ) throws -> TLSSocket {
        var settings = TLSClientSettings()
        settings.protocols = protocols
        change(&settings)
        let context = try TLSClientContext(settings)
        return TLSSocket(StreamSocket(port: self.tlsPort), context, name: name)
    }

    /// A new client connection.
    func connect() -> StreamSocket { StreamSocket(port: self.port) }

    /// Sends one request on a connection of its own and reads the answer.
    func ask(_ request: String, hasBody: Bool = true) -> TestMessage? {
        let client = self.connect()
        client.send(request)
        return client.message(hasBody: hasBody)
    }

    /// Waits until something holds; `false` after five seconds.
    func eventually(_ condition: () -> Bool) async -> Bool {
        await MeshDataPlaneTests.eventually(condition)
    }
}

/// Entities of tests.
enum TestEntities {
    static let upstreamID = EntityID(high: 1, low: 1)
    static let serviceID = EntityID(high: 1, low: 2)
    static let routeID = EntityID(high: 1, low: 3)

    /// A route on `/`, a service and an upstream `origins` with one target per port.
    static func proxying(
        _ ports: [UInt16],
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        configuration.upstreams = [Upstream(id: Self.upstreamID, name: "origins")]
        configuration.targets = EntityList(
            ports.enumerated().map { index, port in
                Target(
                    id: EntityID(high: 2, low: UInt64(index)),
                    target: "127.0.0.1:\(port)",
                    upstream: Self.upstreamID
                )
            }
        )
        var service = Service(id: Self.serviceID, name: "shop", host: "origins")
        var route = Route(
            id: Self.routeID,
            name: "all",
            service: Self.serviceID,
            paths: ["/"]
        )
        change(&service, &route)
        configuration.services = [service]
        configuration.routes = [route]
        return configuration
    }

    /// As ``proxying(_:change:)``, with requests that are sent on while they arrive.
    static func streaming(_ ports: [UInt16]) -> GatewayConfiguration {
        Self.proxying(ports) { _, route in route.requestBuffering = false }
    }

    /// The id of a target of ``proxying(_:change:)``.
    static func target(_ port: UInt16) -> TargetID {
        TargetID(
            upstream: "origins",
            target: "127.0.0.1:\(port)",
            endpoint: Endpoint(address: .v4(0x7F00_0001), port: port)
        )
    }
}
