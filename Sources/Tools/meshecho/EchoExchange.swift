import Foundation
import NIOCore
import NIOHTTP1

/// One connection: takes requests one after the other and answers by plan.
///
/// Request bodies are counted and thrown away as they come; answers are written piece by piece,
/// each after the one before has left.
final class EchoExchange: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let pieceByteCount = 65_536
    /// Largest body of `POST /_echo`.
    private static let controlByteCount = 65_536

    private let state: EchoState
    private var hasAnswered = false
    private var head: HTTPRequestHead?
    private var bodyByteCount = 0
    private var controlBody = Data()
    private var plan: EchoPlan?

    init(state: EchoState) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.begin(head, context)
        case .body(let bytes):
            self.bodyByteCount += bytes.readableBytes
            let room = Self.controlByteCount + 1 - self.controlBody.count
            if self.isControl { self.controlBody += Data(bytes.readableBytesView.prefix(room)) }
        case .end: self.finish(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.plan != nil { self.settle(status: nil) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private var path: Substring { (self.head?.uri ?? "/").prefix { $0 != "?" } }
    private var isControl: Bool { self.path == "/_echo" || self.path == "/_echo/arrivals" }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // NIO upgrades only the first request of a connection: whoever kept this one comes again
        // on a new one (RFC 9112 section 9.3.1).
        if self.hasAnswered, head.headers["upgrade"].contains(where: { $0 == "websocket" }) {
            self.head = nil
            return context.close(promise: nil)
        }
        self.hasAnswered = true
        self.head = head
        self.bodyByteCount = 0
        self.controlBody = Data()
        if !self.isControl {
            let isHealthCheck = self.path == "/health"
            let faults = self.state.arrived(head.method.rawValue, isHealthCheck: isHealthCheck)
            var plan = EchoPlan(head, faults: faults, isHealthCheck: isHealthCheck)
            if plan.isWork { plan.delayMicroseconds += self.state.workMicroseconds() }
            self.plan = plan
            if plan.close {
                self.settle(status: nil)
                context.close(promise: nil)
                return
            }
            if plan.hang { return }
        }
        if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            let interim = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(self.wrapOutboundOut(.head(interim)), promise: nil)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let head = self.head else { return }
        if self.isControl {
            self.answerControl(head, context)
            return
        }
        guard let plan = self.plan, !plan.hang, !plan.close else { return }
        if plan.delayMicroseconds == 0 {
            self.answer(head, plan, context)
            return
        }
        let delay = TimeAmount.microseconds(Int64(plan.delayMicroseconds))
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            if context.channel.isActive { self.answer(head, plan, context) }
        }
    }

    private func settle(status: Int?) {
        self.plan = nil
        self.state.ended(
            status: status,
            isHealthCheck: self.path == "/health",
            bodyByteCount: self.bodyByteCount
        )
    }

    private func answerControl(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var status = 200
        var body = Data()
        switch (head.method, self.path) {
        case (.GET, "/_echo/arrivals"): body = self.state.arrivalReport()
        case (.GET, "/_echo"): body = self.state.report()
        case (.POST, "/_echo"):
            do {
                try self.state.change(by: self.controlBody)
                body = self.state.report()
            } catch {
                status = 400
                body = EchoJSON.encode(["message": error.message])
            }
        default:
            status = 405
            body = EchoJSON.encode(["message": "GET and POST /_echo, GET /_echo/arrivals"])
        }
        self.send(head, status: status, json: body, chunked: false, context)
    }

    private func answer(
        _ head: HTTPRequestHead,
        _ plan: EchoPlan,
        _ context: ChannelHandlerContext
    ) {
        self.settle(status: plan.status)
        if plan.bodyByteCount > 0 {
            self.sendFiller(head, plan, context)
            return
        }
        let answer = EchoAnswer(
            head,
            bodyByteCount: self.bodyByteCount,
            peer: context.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "",
            state: self.state
        )
        let json = EchoJSON.encode(answer)
        self.send(head, status: plan.status, json: json, chunked: plan.chunked, context)
    }

    private func send(
        _ head: HTTPRequestHead,
        status: Int,
        json: Data,
        chunked: Bool,
        _ context: ChannelHandlerContext
    ) {
        let response = self.responseHead(
            head,
            status: status,
            type: "application/json",
            length: chunked && head.version.minor > 0 ? nil : json.count
        )
        context.write(self.wrapOutboundOut(.head(response)), promise: nil)
        if Self.hasContent(head, status) {
            let body = context.channel.allocator.buffer(bytes: json)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        self.end(head, context)
    }

    private func sendFiller(
        _ head: HTTPRequestHead,
        _ plan: EchoPlan,
        _ context: ChannelHandlerContext
    ) {
        let response = self.responseHead(
            head,
            status: plan.status,
            type: "application/octet-stream",
            length: plan.chunked && head.version.minor > 0 ? nil : plan.bodyByteCount
        )
        context.write(self.wrapOutboundOut(.head(response)), promise: nil)
        guard Self.hasContent(head, plan.status) else {
            self.end(head, context)
            return
        }
        let size = min(plan.bodyByteCount, Self.pieceByteCount)
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: size)
        self.sendPiece(piece, rest: plan.bodyByteCount, head, context)
    }

    /// Writes one piece, and the next one when it has left: the peer sets the pace.
    private func sendPiece(
        _ piece: ByteBuffer,
        rest: Int,
        _ head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        guard rest > 0 else {
            self.end(head, context)
            return
        }
        let count = min(rest, piece.readableBytes)
        let part = piece.getSlice(at: piece.readerIndex, length: count) ?? piece
        context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(part)))).assumeIsolated()
            .whenSuccess { self.sendPiece(piece, rest: rest - count, head, context) }
    }

    private func end(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let last = context.writeAndFlush(self.wrapOutboundOut(.end(nil)))
        guard !head.isKeepAlive else { return }
        last.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }

    private func responseHead(
        _ head: HTTPRequestHead,
        status: Int,
        type: String,
        length: Int?
    ) -> HTTPResponseHead {
        var fields = HTTPHeaders([
            ("Server", "meshecho"), ("X-Echo-Name", self.state.name), ("Content-Type", type),
        ])
        if let region = self.state.region { fields.add(name: "X-Echo-Region", value: region) }
        if !self.isControl, let load = self.state.loadReport() {
            fields.add(name: "endpoint-load-metrics", value: load)
        }
        if let length, status != 204, status != 304 {
            fields.add(name: "Content-Length", value: "\(length)")
        }
        if !head.isKeepAlive { fields.add(name: "Connection", value: "close") }
        return HTTPResponseHead(
            version: .http1_1,
            status: HTTPResponseStatus(statusCode: status),
            headers: fields
        )
    }

    private static func hasContent(_ head: HTTPRequestHead, _ status: Int) -> Bool {
        head.method != .HEAD && status != 204 && status != 304
    }
}
