import Glibc
import Hummingbird
import HummingbirdCore
public import Logging
import MeshEntities
public import MeshListening
public import MeshPrimitives
import MeshReports
import NIOCore
import NIOPosix
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

    /// The largest declarative configuration, as much as its reader takes: 64 MiB.
    static let configurationByteCount = 64 << 20

    /// The largest request body elsewhere: 10 MiB; a status listener takes 1 KiB, from loopback only.
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
    private let listeners: ListenerSet
    private let responder: AdminResponder
    private let logger: Logger
    private let connections = AdminConnections()
    private let onBound: @Sendable (Endpoint?) -> Void
    private let mayAccept: @Sendable () async -> Void

    /// Creates a listener that opens its socket when it runs.
    ///
    /// - Parameters:
    ///   - configuration: where to listen and what to offer.
    ///   - node: what answers.
    ///   - listeners: where the socket comes from; it is called as ``name`` says there.
    ///   - logger: gets what goes wrong with a connection.
    ///   - onBound: told the real address once, `nil` for a unix socket.
    ///   - mayAccept: waited for before the first connection is taken; whoever comes before waits in
    ///     the socket's queue. Another process that has the socket, too, may accept until then.
    public init(
        configuration: AdminServerConfiguration,
        node: any AdminNode,
        listeners: ListenerSet = ListenerSet(),
        logger: Logger,
        onBound: @escaping @Sendable (Endpoint?) -> Void = { _ in },
        mayAccept: @escaping @Sendable () async -> Void = {}
    ) {
        self.configuration = configuration
        self.listeners = listeners
        self.responder = AdminResponder(configuration: configuration, node: node)
        self.logger = logger
        self.onBound = onBound
        self.mayAccept = mayAccept
    }

    /// What the socket is called in the node's ``MeshListening/ListenerSet``.
    public var name: String {
        switch (self.configuration.place, self.configuration.surface) {
        case (.socket, _): "admin-socket"
        case (.address, .admin): "admin"
        case (.address, .status): "status"
        }
    }

    /// Listens and answers until graceful shutdown, cancellation or a hand-over of the sockets;
    /// event streams end at once then.
    ///
    /// - Throws: ``AdminListenFailure`` when the address cannot be listened on.
    public func run() async throws {
        let (place, descriptor) = try self.socket()
        let channel = self.channel
        let logger = self.logger
        let connections = self.connections
        let maximum = self.configuration.maximumConnections
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AvailableConnectionsChannelHandler(maxConnections: maximum)
                    )
                }
            }
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(descriptor) { child in
                channel.setup(channel: child, logger: logger).map { value in
                    connections.add(child)
                    return AdminConnection(value, child, through: channel, logger)
                }
            }
        connections.listens(server.channel)
        self.listeners.whenHandedOver { connections.endForSuccessor() }
        self.bound(place)
        await withTaskCancellationOrGracefulShutdownHandler {
            await self.mayAccept()
            // What waits in an inherited socket must not come before the channel is active.
            try? await server.channel.setOption(.autoRead, value: true).get()
            await Self.serve(server, logger)
        } onCancelOrGracefulShutdown: {
            connections.end()
        }
    }

    private static func serve(
        _ server: NIOAsyncChannel<AdminConnection, Never>,
        _ logger: Logger
    ) async {
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { inbound in
                    for try await child in inbound {
                        group.addTask { await child.handle() }
                    }
                }
            } catch {
                let event = EventType.listenerEnded.rawValue
                logger.debug(
                    "listener ended",
                    metadata: ["event": "\(event)", "reason": "\(error)"]
                )
            }
        }
    }

    private func socket() throws(AdminListenFailure) -> (ListenPlace, CInt) {
        let place: ListenPlace =
            switch self.configuration.place {
            case .address(let endpoint): .stream(endpoint)
            case .socket(let path): .path(path)
            }
        do throws(ListenFailure) {
            return try self.listeners.openOne(ListenRequest(self.name, place))
        } catch {
            throw AdminListenFailure(code: error.code)
        }
    }

    private var channel: AdminChannel {
        let limits = RequestDeadlines.Limits(
            head: TimeAmount(self.configuration.headTimeout),
            body: TimeAmount(self.configuration.bodyTimeout),
            idle: TimeAmount(self.configuration.idleTimeout),
            stall: TimeAmount(self.configuration.bodyTimeout)
        )
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                RequestDeadlines(limits), UnreadableRequests(), ClosingResponses(),
            ],
            httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                maxHeaderFieldSize: 16 << 10,
                maxHeaderListSize: 60 << 10,
                maxHeaderFieldCount: 200
            )
        )
        let (responder, logger) = (self.responder, self.logger)
        return AdminChannel(
            base: HTTP1Channel(
                responder: { request, writer, channel in
                    let source = ApplicationRequestContextSource(channel: channel, logger: logger)
                    var response = try await responder.respond(
                        to: request,
                        context: AdminContext(source: source)
                    )
                    response.headers[.date] = Self.date
                    response.headers[.server] = "kong/\(KongRelease.version)"
                    try await writer.write(response: response.head, body: response.body)
                },
                configuration: configuration
            ),
            security: self.configuration.security
        )
    }

    private func bound(_ place: ListenPlace) {
        switch place {
        case .stream(let endpoint), .datagrams(let endpoint): self.onBound(endpoint)
        case .path: self.onBound(nil)
        }
    }

    /// The time now in the form of `Date`: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    private static var date: String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 40)
        let count = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Why a listener of the Admin side could not listen.
public struct AdminListenFailure: Error, Equatable, Sendable {
    /// The system's number for it.
    public let code: Int32
}

extension AdminListenFailure: CustomStringConvertible {
    /// The system's own words.
    public var description: String { String(cString: strerror(self.code)) }
}
