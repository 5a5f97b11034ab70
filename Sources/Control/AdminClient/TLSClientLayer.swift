import MeshTLS
import NIOCore

/// TLS of one connection to an Admin API, below its HTTP.
///
/// What is written before the handshake is over waits for it.
final class TLSClientLayer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSMemorySession
    private var isEstablished = false
    private var isClosing = false
    private var waiting: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []

    init(_ session: TLSMemorySession) { self.session = session }

    func channelActive(context: ChannelHandlerContext) {
        self.take(UnsafeRawBufferPointer(start: nil, count: 0), context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        buffer.withUnsafeReadableBytes { self.take($0, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !self.isEstablished {
            context.fireErrorCaught(TLSRefusal(reason: "the connection was closed"))
        }
        for write in self.waiting { write.promise?.fail(ChannelError.eof) }
        self.waiting = []
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = self.unwrapOutboundIn(data)
        guard self.isEstablished else {
            self.waiting.append((buffer, promise))
            return
        }
        self.encrypt(buffer, promise, context)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !self.isClosing, mode != .input {
            self.isClosing = true
            self.session.close()
            self.send(context)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ context: ChannelHandlerContext) {
        let progress = self.session.receive(bytes)
        self.send(context)
        if progress.isEstablished, !self.isEstablished {
            self.isEstablished = true
            let waiting = self.waiting
            self.waiting = []
            for write in waiting { self.encrypt(write.bytes, write.promise, context) }
        }
        context.flush()
        if !progress.plaintext.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: progress.plaintext)
            context.fireChannelRead(self.wrapInboundOut(buffer))
        }
        if let failure = progress.failure {
            context.fireErrorCaught(TLSRefusal(reason: failure.text))
            context.close(promise: nil)
        } else if progress.isEnded {
            context.close(promise: nil)
        }
    }

    private func encrypt(
        _ buffer: ByteBuffer,
        _ promise: EventLoopPromise<Void>?,
        _ context: ChannelHandlerContext
    ) {
        guard buffer.withUnsafeReadableBytes({ self.session.write($0) }) else {
            promise?.fail(ChannelError.outputClosed)
            context.close(promise: nil)
            return
        }
        self.send(context, promise: promise)
    }

    private func send(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
        let records = self.session.takeOutput()
        guard !records.isEmpty else {
            promise?.succeed()
            return
        }
        let buffer = context.channel.allocator.buffer(bytes: records)
        context.write(self.wrapOutboundOut(buffer), promise: promise)
    }
}

/// Why one of the two ends did not want the other.
struct TLSRefusal: Error {
    let reason: String
}
