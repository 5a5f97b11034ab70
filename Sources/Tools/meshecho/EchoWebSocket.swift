import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One WebSocket connection: sends every message back, answers pings, and closes as asked.
///
/// Source: RFC 6455, sections 5.4 to 5.5.
final class EchoWebSocket: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Largest frame that is taken: 16 MiB.
    private static let frameByteCount = 16 * 1_048_576

    /// Turns any request that asks for it into a WebSocket.
    static func upgrader() -> NIOWebSocketServerUpgrader {
        NIOWebSocketServerUpgrader(
            maxFrameSize: Self.frameByteCount,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EchoWebSocket())
                }
            }
        )
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        switch frame.opcode {
        case .text, .binary, .continuation:
            self.send(frame.opcode, frame.unmaskedData, fin: frame.fin, context)
        case .ping:
            self.send(.pong, frame.unmaskedData, context)
        case .connectionClose:
            self.send(.connectionClose, frame.unmaskedData, context)
            context.close(promise: nil)
        default:
            break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func send(
        _ opcode: WebSocketOpcode,
        _ payload: ByteBuffer,
        fin: Bool = true,
        _ context: ChannelHandlerContext
    ) {
        let frame = WebSocketFrame(fin: fin, opcode: opcode, data: payload)
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }
}
