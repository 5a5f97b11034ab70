import MeshPrimitives
import NIOCore

/// The UDP side of the cluster's port.
final class DatagramPort: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let loop: ClusterLoop

    init(loop: ClusterLoop) { self.loop = loop }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        guard let source = Endpoint(envelope.remoteAddress) else { return }
        self.loop.received(datagram: Array(envelope.data.readableBytesView), from: source)
    }

    /// A receive that failed costs one datagram; what closes the socket gets it opened again.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.loop.counters.datagramReceiveFailures += 1
    }
}
