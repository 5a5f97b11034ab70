import HTTPTypes
import MeshEntities
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers what is no HTTP, or more of a head than is taken, as everything else is refused.
///
/// With a status that fits and a message in JSON; the connection then closes.
/// Stands before ``ClosingResponses``, seen from the wire, so that it closes by itself.
final class UnreadableRequests: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client that still sends has to read the answer.
    private static let linger = TimeAmount.seconds(2)

    private var isAnswering = false
    private var isOver = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head: self.isAnswering = true
        case .body: break
        case .end: self.isAnswering = false
        }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let mistake = error as? HTTPParserError else {
            return context.fireErrorCaught(error)
        }
        guard !self.isOver else { return }
        self.isOver = true
        // An answer that has begun is somebody else's: nothing may stand in it.
        guard !self.isAnswering else { return context.close(promise: nil) }
        let (status, message) = Self.refusal(of: mistake)
        let body = DocumentValue.record(["message": .string(message)]).json
        var head = HTTPResponse(status: status)
        head.headerFields[.contentType] = AdminAnswer.json
        head.headerFields[.contentLength] = "\(body.utf8.count)"
        head.headerFields[.connection] = "close"
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(ByteBuffer(string: body))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        channel.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
    }

    private static func refusal(
        of mistake: HTTPParserError
    ) -> (status: HTTPResponse.Status, message: String) {
        switch mistake {
        case .headerOverflow:
            (.requestHeaderFieldsTooLarge, "request line or header fields are too large")
        case .invalidMethod: (.badRequest, "no such method")
        default: (.badRequest, "the request is no HTTP")
        }
    }
}
