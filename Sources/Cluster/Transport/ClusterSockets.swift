import MeshPrimitives
import NIOCore
import NIOPosix

/// The UDP and TCP sockets of one node, on the same port.
struct ClusterSockets {
    /// The UDP socket, for sending.
    let datagrams: DatagramSocket
    /// The UDP socket, for receiving.
    let receiver: any Channel
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
                let (datagrams, descriptor) = try DatagramSocket.bind(bound)
                return ClusterSockets(
                    datagrams: datagrams,
                    receiver: try await Self.receive(descriptor, eventLoop, loop),
                    listener: listener,
                    bound: bound
                )
            } catch {
                try? await listener.close()
                guard endpoint.port == 0, attempt < Self.attemptLimit else { throw error }
            }
        }
        preconditionFailure("the loop above ends by return or throw")
    }

    /// Whether both sockets still work.
    var isOpen: Bool { self.listener.isActive && self.receiver.isActive }

    /// Calls back when either socket is closed, by whomever.
    func whenLost(_ action: @escaping @Sendable () -> Void) {
        self.listener.closeFuture.whenComplete { _ in action() }
        self.receiver.closeFuture.whenComplete { _ in action() }
    }

    /// Closes both sockets and waits for it.
    func close() async {
        try? await self.listener.close()
        try? await self.receiver.close()
    }

    private static func listen(
        _ endpoint: Endpoint,
        _ limits: StreamLimits,
        _ eventLoop: any EventLoop,
        _ loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        // `[::]` takes IPv4 too, whatever the machine's default is.
        let dualStack = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
        return
            try await
            (endpoint.isIPv6 ? bootstrap.serverChannelOption(dualStack, value: 0) : bootstrap)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
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
        _ descriptor: CInt,
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
            .withBoundSocket(descriptor).get()
    }
}
