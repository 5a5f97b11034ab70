import Hummingbird
import HummingbirdCore
public import Logging
import MeshEntities
public import MeshPrimitives
import NIOCore
public import ServiceLifecycle

public import protocol ServiceLifecycle.Service

/// Where one listener of the Admin side stands and what it offers.
public struct AdminServerConfiguration: Sendable {
    /// What a listener offers.
    public enum Surface: Sendable {
        /// Everything: Kong's Admin API and `/mesh/…`.
        case admin
        /// Readiness, status, metrics, health of targets, and drain.
        case status
    }

    /// Where to listen; port 0 takes a free one.
    public var listen: Endpoint
    /// What to offer.
    public var surface: Surface

    /// The largest request body: 10 MiB.
    public var maximumBodyByteCount = 10 << 20
    /// How long a connection may stay idle, or a request incomplete: 75 s.
    public var idleTimeout: Duration = .seconds(75)
    /// How often a silent event stream gets a comment: 15 s.
    public var keepAliveInterval: Duration = .seconds(15)

    /// Creates the defaults for one listener.
    public init(listen: Endpoint, surface: Surface) {
        self.listen = listen
        self.surface = surface
    }
}

/// One listener of the Admin side; a node runs two, for the Admin API and for status.
public struct AdminServer: Service {
    private let configuration: AdminServerConfiguration
    private let responder: AdminResponder
    private let logger: Logger
    private let onBound: @Sendable (Endpoint) -> Void

    /// Creates a listener that binds when it runs.
    ///
    /// - Parameters:
    ///   - configuration: where to listen and what to offer.
    ///   - node: what answers.
    ///   - logger: gets one line when a listener is bound.
    ///   - onBound: told the real address, once.
    public init(
        configuration: AdminServerConfiguration,
        node: any AdminNode,
        logger: Logger,
        onBound: @escaping @Sendable (Endpoint) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.responder = AdminResponder(configuration: configuration, node: node)
        self.logger = logger
        self.onBound = onBound
    }

    /// Binds and answers until graceful shutdown or cancellation; event streams end at once then.
    ///
    /// - Throws: an error of the system when the address cannot be bound.
    public func run() async throws {
        let application = Application(
            responder: self.responder,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [ClosingResponses()],
                    idleTimeout: TimeAmount(self.configuration.idleTimeout),
                    httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                        maxHeaderFieldSize: 16 << 10,
                        maxHeaderListSize: 60 << 10,
                        maxHeaderFieldCount: 200
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(
                    "\(self.configuration.listen.address)",
                    port: Int(self.configuration.listen.port)
                ),
                serverName: "kong/\(KongRelease.version)"
            ),
            onServerRunning: { channel in
                let port = channel.localAddress?.port.map { UInt16(truncatingIfNeeded: $0) }
                self.onBound(
                    Endpoint(
                        address: self.configuration.listen.address,
                        port: port ?? self.configuration.listen.port
                    )
                )
            },
            logger: self.logger
        )
        try await application.run()
    }
}
