import Glibc
import MeshListening
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

    /// What the sockets are called in the node's ``MeshListening/ListenerSet``.
    static let names = (streams: "gossip", datagrams: "gossip-udp")
    /// Ports that the kernel chose for TCP and that UDP may find taken, before giving up.
    private static let attemptLimit = 16

    /// Opens both sockets.
    ///
    /// - Throws: the last reason when no port is free for both.
    static func open(
        _ endpoint: Endpoint,
        from source: ListenerSet,
        limits: StreamLimits,
        on eventLoop: any EventLoop,
        for loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> ClusterSockets {
        let (descriptors, bound) = try Self.descriptors(endpoint, from: source)
        let listener: any Channel
        do {
            listener = try await Self.listen(descriptors.streams, limits, eventLoop, loop)
        } catch {
            Glibc.close(descriptors.datagrams)
            throw error
        }
        do {
            return ClusterSockets(
                datagrams: try DatagramSocket.sending(through: descriptors.datagrams),
                receiver: try await Self.receive(descriptors.datagrams, eventLoop, loop),
                listener: listener,
                bound: bound
            )
        } catch {
            try? await listener.close()
            throw error
        }
    }

    private static func descriptors(
        _ endpoint: Endpoint,
        from source: ListenerSet
    ) throws -> (descriptors: (streams: CInt, datagrams: CInt), bound: Endpoint) {
        for attempt in 1... {
            do throws(ListenFailure) {
                let request = ListenRequest(Self.names.streams, .stream(endpoint))
                let (place, streams) = try source.openOne(request)
                guard case .stream(let bound) = place else { throw ListenFailure(code: EPROTOTYPE) }
                do throws(ListenFailure) {
                    let request = ListenRequest(Self.names.datagrams, .datagrams(bound))
                    return ((streams, try source.openOne(request).descriptor), bound)
                } catch {
                    Glibc.close(streams)
                    throw error
                }
            } catch {
                source.release(Self.names.streams)
                guard endpoint.port == 0, attempt < Self.attemptLimit else {
                    throw SystemFailure(code: error.code)
                }
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
        _ descriptor: CInt,
        _ limits: StreamLimits,
        _ eventLoop: any EventLoop,
        _ loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> any Channel {
        let channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: limits.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let source = Endpoint(channel.remoteAddress)?.address
                    guard let connection = loop.value.accepted(from: source) else {
                        throw ChannelError.ioOnClosedChannel
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .withBoundSocket(descriptor).get()
        return try await Self.reading(channel)
    }

    /// A channel that reads from now on: what waits in an inherited socket must not come before the
    /// channel is active.
    private static func reading(_ channel: any Channel) async throws -> any Channel {
        try await channel.setOption(.autoRead, value: true).get()
        return channel
    }

    private static func receive(
        _ descriptor: CInt,
        _ eventLoop: any EventLoop,
        _ loop: NIOLoopBoundBox<ClusterLoop>
    ) async throws -> any Channel {
        let channel = try await DatagramBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
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
        return try await Self.reading(channel)
    }
}
