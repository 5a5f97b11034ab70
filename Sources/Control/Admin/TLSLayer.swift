import MeshTLS
import NIOCore

/// TLS of one connection of the Admin API, below its HTTP.
final class TLSLayer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSMemorySession
    private var isEstablished = false
    private var isClosing = false

    init?(_ context: TLSServerContext) {
        guard let session = TLSMemorySession(context) else { return nil }
        self.session = session
    }

    /// The common name of the client's certificate.
    var clientName: String? { self.session.clientName }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        let progress = buffer.withUnsafeReadableBytes { self.session.receive($0) }
        self.isEstablished = self.isEstablished || progress.isEstablished
        self.send(context: context)
        context.flush()
        if !progress.plaintext.isEmpty {
            context.fireChannelRead(
                self.wrapInboundOut(context.channel.allocator.buffer(bytes: progress.plaintext))
            )
        }
        if progress.failure != nil || progress.isEnded { context.close(promise: nil) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = self.unwrapOutboundIn(data)
        let isWritten = buffer.withUnsafeReadableBytes { self.session.write($0) }
        guard self.isEstablished, isWritten else {
            promise?.fail(ChannelError.outputClosed)
            context.close(promise: nil)
            return
        }
        self.send(context: context, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !self.isClosing, mode != .input {
            self.isClosing = true
            self.session.close()
            self.send(context: context)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func send(context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
        let records = self.session.takeOutput()
        guard !records.isEmpty else {
            promise?.succeed()
            return
        }
        context.write(
            self.wrapOutboundOut(context.channel.allocator.buffer(bytes: records)),
            promise: promise
        )
    }
}
