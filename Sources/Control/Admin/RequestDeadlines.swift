import NIOCore
import NIOHTTPTypes

/// Closes connections that do not get on: a head, a body and the reading of an answer each have
/// their time, however many bytes trickle in.
final class RequestDeadlines: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long each part may take.
    struct Limits: Sendable {
        var head: TimeAmount
        var body: TimeAmount
        /// From one answer to the next request's head.
        var idle: TimeAmount
        /// As long as the client takes nothing.
        var stall: TimeAmount
    }

    private let limits: Limits
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?
    private var isReading = false

    init(_ limits: Limits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) { self.await(self.limits.head, context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head:
            self.isReading = true
            self.await(self.limits.body, context)
        case .body: break
        case .end:
            self.isReading = false
            self.deadline?.cancel()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = self.unwrapOutboundIn(data), !self.isReading {
            self.await(self.limits.idle, context)
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.stall?.cancel()
        if !context.channel.isWritable {
            self.stall = Self.close(context.channel, in: self.limits.stall)
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.stall?.cancel()
        context.fireChannelInactive()
    }

    private func await(_ limit: TimeAmount, _ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = Self.close(context.channel, in: limit)
    }

    private static func close(_ channel: any Channel, in limit: TimeAmount) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }
}
