import NIOCore
import NIOHTTP1
import NIOPosix

/// Listens, and gives every connection its own exchange.
enum EchoServer {
    static func bind(
        _ address: (host: String, port: Int),
        state: EchoState,
        group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withErrorHandling: true
                    )
                    try channel.pipeline.syncOperations.addHandler(EchoExchange(state: state))
                }
            }
            .bind(host: address.host, port: address.port)
            .get()
    }
}
