import Glibc
import Hummingbird
import HummingbirdCore
public import Logging
import MeshEntities
public import MeshPrimitives
import NIOCore
public import ServiceLifecycle

public import protocol ServiceLifecycle.Service

/// Where one listener of the Admin side stands, what it offers and to whom.
public struct AdminServerConfiguration: Sendable {
    /// What a listener offers.
    public enum Surface: Sendable {
        /// Everything: Kong's Admin API and `/mesh/…`.
        case admin
        /// Readiness, status, metrics, health of targets, and drain.
        case status
    }

    /// Where a listener stands.
    public enum Place: Equatable, Sendable {
        /// At an address; port 0 takes a free one.
        case address(Endpoint)
        /// At a unix socket of mode 0660; who may open it may write.
        case socket(String)
    }

    /// Where to listen.
    public var place: Place
    /// What to offer.
    public var surface: Surface
    /// TLS and who may ask; by default neither, and everybody who reaches the listener may write.
    public var security = AdminSecurity()

    /// The largest backup that is restored: 256 MiB.
    static let backupByteCount = 256 << 20

    /// The largest request body: 10 MiB; a status listener takes 1 KiB, from loopback only.
    public var maximumBodyByteCount: Int
    /// Most connections at once: 1,024, a status listener 256; further ones wait.
    public var maximumConnections: Int
    /// How long a connection may take to its first request's head: 10 s.
    public var headTimeout: Duration = .seconds(10)
    /// How long a request's body may take, and how long a client may take nothing of an answer: 60 s.
    public var bodyTimeout: Duration = .seconds(60)
    /// How long a connection may stay idle between requests: 75 s.
    public var idleTimeout: Duration = .seconds(75)
    /// How often a silent event stream gets a comment: 15 s.
    public var keepAliveInterval: Duration = .seconds(15)

    /// Creates the defaults for one listener: no TLS, everybody may write.
    public init(place: Place, surface: Surface) {
        self.place = place
        self.surface = surface
        switch surface {
        case .admin:
            self.maximumBodyByteCount = 10 << 20
            self.maximumConnections = 1_024
        case .status:
            self.maximumBodyByteCount = 1 << 10
            self.maximumConnections = 256
        }
    }

    /// Whether only this machine can reach the listener.
    var isLocal: Bool {
        switch self.place {
        case .address(let endpoint): endpoint.address.isLoopback
        case .socket: true
        }
    }
}

/// One listener of the Admin side; a node runs two or three, for the Admin API and for status.
public struct AdminServer: Service {
    private let configuration: AdminServerConfiguration
    private let responder: AdminResponder
    private let logger: Logger
    private let onBound: @Sendable (Endpoint?) -> Void

    /// Creates a listener that binds when it runs.
    ///
    /// - Parameters:
    ///   - configuration: where to listen and what to offer.
    ///   - node: what answers.
    ///   - logger: gets one line when a listener is bound.
    ///   - onBound: told the real address once, `nil` for a unix socket.
    public init(
        configuration: AdminServerConfiguration,
        node: any AdminNode,
        logger: Logger,
        onBound: @escaping @Sendable (Endpoint?) -> Void = { _ in }
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
            server: self.server,
            configuration: ApplicationConfiguration(
                address: self.bindAddress,
                serverName: "kong/\(KongRelease.version)",
                availableConnectionsDelegate: .maximum(
                    self.configuration.maximumConnections,
                    logger: self.logger
                )
            ),
            onServerRunning: { channel in self.bound(channel.localAddress?.port) },
            logger: self.logger
        )
        try await application.run()
    }

    private var bindAddress: BindAddress {
        switch self.configuration.place {
        case .address(let endpoint):
            .hostname("\(endpoint.address)", port: Int(endpoint.port))
        case .socket(let path): .unixDomainSocket(path: path)
        }
    }

    private var server: HTTPServerBuilder {
        let limits = RequestDeadlines.Limits(
            head: TimeAmount(self.configuration.headTimeout),
            body: TimeAmount(self.configuration.bodyTimeout),
            idle: TimeAmount(self.configuration.idleTimeout),
            stall: TimeAmount(self.configuration.bodyTimeout)
        )
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [RequestDeadlines(limits), ClosingResponses()],
            httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                maxHeaderFieldSize: 16 << 10,
                maxHeaderListSize: 60 << 10,
                maxHeaderFieldCount: 200
            )
        )
        let security = self.configuration.security
        guard security.isEncrypted else { return .http1(configuration: channel) }
        return HTTPServerBuilder { responder in
            AdminTLSChannel(
                base: HTTP1Channel(responder: responder, configuration: channel),
                security: security
            )
        }
    }

    private func bound(_ port: Int?) {
        switch self.configuration.place {
        case .address(let endpoint):
            let port = port.map { UInt16(truncatingIfNeeded: $0) } ?? endpoint.port
            self.onBound(Endpoint(address: endpoint.address, port: port))
        case .socket(let path):
            // Until here the socket has the process's mask, which lets nobody else write.
            chmod(path, 0o660)
            self.onBound(nil)
        }
    }
}
