import MeshPrimitives
import NIOCore
import NIOPosix

/// The UDP and TCP sockets of one node, on the same port.
struct ClusterSockets {
    /// The UDP socket.
    let datagrams: any Channel
    /// The TCP listener.
    let listener: any Channel
    /// The address of both, with the port that the kernel chose if none was given.
    let bound: Endpoint

    /// Ports that the kernel chose for TCP and that UDP may find taken, before giving up.
    private static let attemptLimit = 16

    /// Binds both sockets.
    ///
    /// - Throws: the last reason when no port is free for both.
    static func bind(
        _ endpoint: Endpoint,
        limits: StreamLimits,
        on eventLoop: any EventLoop,
        for loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> ClusterSockets {
        for attempt in 1... {
            let listener = try await Self.listen(endpoint, limits, eventLoop, loop)
            do {
                guard let bound = Endpoint(listener.localAddress) else {
                    throw ChannelError.unknownLocalAddress
                }
                let datagrams = try await Self.receive(bound, eventLoop, loop)
                return ClusterSockets(datagrams: datagrams, listener: listener, bound: bound)
            } catch {
                try? await listener.close()
                guard endpoint.port == 0, attempt < Self.attemptLimit else { throw error }
            }
        }
        preconditionFailure("the loop above ends by return or throw")
    }

    /// Whether both sockets still work.
    var isOpen: Bool { self.listener.isActive && self.datagrams.isActive }

    /// Calls back when either socket is closed, by whomever.
    func whenLost(_ action: @escaping @Sendable () -> Void) {
        self.listener.closeFuture.whenComplete { _ in action() }
        self.datagrams.closeFuture.whenComplete { _ in action() }
    }

    /// Closes both sockets and waits for it.
    func close() async {
        try? await self.listener.close()
        try? await self.datagrams.close()
    }

    private static func listen(
        _ endpoint: Endpoint,
        _ limits: StreamLimits,
        _ eventLoop: any EventLoop,
        _ loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> any Channel {
        try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: limits.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let connection = loop.value.accepted() else {
                        throw ChannelError.ioOnClosedChannel
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .bind(to: endpoint.socketAddress).get()
    }

    private static func receive(
        _ endpoint: Endpoint,
        _ eventLoop: any EventLoop,
        _ loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> any Channel {
        try await DatagramBootstrap(group: eventLoop)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: 2_048)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations
                        .addHandler(DatagramPort(loop: loop.value))
                }
            }
            .bind(to: endpoint.socketAddress).get()
    }
}
