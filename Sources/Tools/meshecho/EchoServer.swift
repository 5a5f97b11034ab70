import NIOCore
import NIOHTTP1
import NIOPosix

/// Listens, and gives every connection its own exchange or stream.
enum EchoServer {
    /// HTTP/1, and WebSocket for requests that ask for it.
    static func bind(
        _ address: (host: String, port: Int),
        state: EchoState,
        group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        try await Self.listener(group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(
                        withServerUpgrade: (
                            upgraders: [EchoWebSocket.upgrader()],
                            completionHandler: { context in Self.endExchange(context) }
                        ),
                        withErrorHandling: true
                    )
                    try pipeline.addHandler(EchoExchange(state: state))
                }
            }
            .bind(host: address.host, port: address.port)
            .get()
    }

    /// What was HTTP is a WebSocket from here on.
    private static func endExchange(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        guard let exchange = try? pipeline.handler(type: EchoExchange.self) else { return }
        pipeline.removeHandler(exchange, promise: nil)
    }

    /// Bytes back to whoever sent them.
    static func bindStream(
        _ address: (host: String, port: Int),
        group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        try await Self.listener(group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EchoStream())
                }
            }
            .bind(host: address.host, port: address.port)
            .get()
    }

    private static func listener(_ group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    }
}
