import MeshDissemination
import MeshPrimitives
import MeshWire
import NIOCore

/// One TCP stream of the cluster's port, on either side.
///
///     greeting --hello and welcome exchanged--> open --error, end, silence--> closed
final class StreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Why the stream exists.
    enum Purpose: Equatable {
        /// A peer connected.
        case accepted
        /// Changelog and observations talk with this peer; stays open while used.
        case peer(NodeID)
        /// One membership message and its answer.
        case exchange
        /// One probe of this member, numbered.
        case probe(NodeID, sequence: UInt32)
        /// One try of the way to this member on an operator's word, numbered.
        case trial(NodeID, sequence: UInt32)
    }

    private enum State {
        case accepting
        case connecting(StreamHandshake)
        case open(StreamChannel)
        case closed
    }

    let purpose: Purpose
    /// Where it leads; `nil` for an accepted one.
    let endpoint: Endpoint?
    /// From where an accepted one came.
    let source: IPAddress?
    /// Why it never opened, if it ends like that.
    private(set) var failure = "closed without an answer: another key ring or cluster name there?"
    /// Whether the other end speaks no protocol version that this one does.
    private(set) var hasNoCommonVersion = false
    /// When the stream is given up unless something happens before.
    private(set) var deadline: MonotonicInstant
    /// Who is at the other end, once proved.
    private(set) var peer: NodeID?

    private let loop: ClusterLoop
    private let limits: StreamLimits
    private var state: State
    private var assembler = FrameAssembler()
    private var waiting: [ClusterMessage] = []
    private var waitingByteCount = 0
    private var channel: (any Channel)?
    /// What the other end may still send.
    private var budget: ByteBudget
    private var isResting = false

    init(
        purpose: Purpose,
        endpoint: Endpoint?,
        source: IPAddress?,
        loop: ClusterLoop,
        limits: StreamLimits,
        deadline: MonotonicInstant
    ) {
        self.purpose = purpose
        self.endpoint = endpoint
        self.source = source
        self.budget = ByteBudget(rate: limits.byteRate, burst: limits.byteBurst)
        self.loop = loop
        self.limits = limits
        self.deadline = deadline
        let keys = loop.keys
        self.state =
            purpose == .accepted
            ? .accepting
            : .connecting(
                StreamHandshake(keys: keys, node: loop.node, versions: loop.wire.versions)
            )
    }

    /// Whether the other end has not proved that it holds a key.
    var isStranger: Bool { self.peer == nil }

    /// Sends a message, at once or after the handshake.
    func send(_ message: ClusterMessage) {
        switch self.state {
        case .accepting, .connecting:
            self.waitingByteCount += message.encoded.count
            guard self.waitingByteCount <= self.limits.pendingByteCount else {
                return self.close()
            }
            self.waiting.append(message)
        case .open(var channel):
            do throws(WireError) {
                let frame = try channel.seal(
                    self.loop.body(
                        message,
                        version: channel.version ?? 0,
                        within: StreamChannel.bodyByteLimit
                    )
                )
                self.state = .open(channel)
                self.write(frame)
            } catch {
                self.loop.counters.datagramsOversized += 1
            }
        case .closed: break
        }
    }

    /// Ends the stream; what was not sent is lost.
    func close() {
        if let channel = self.channel {
            channel.close(promise: nil)
        } else {
            self.finish()
        }
    }

    /// Ends a stream that was silent for too long.
    func timeOut() {
        self.failure = "no answer in time"
        self.close()
    }

    /// Told when connecting failed, so that there is no channel to close.
    func connectFailed(_ error: any Error) {
        self.failure =
            switch error {
            case let error as IOError: SystemFailure(code: error.errnoCode).description
            case ChannelError.connectTimeout: "no answer in time"
            default: "\(error)"
            }
        self.finish()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.channel = context.channel
        if context.channel.isActive { self.greet() }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.greet()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.loop.counters.streamBytesReceived += UInt64(bytes.readableBytes)
        self.assembler.append(bytes.readableBytesView)
        defer { self.rest(after: bytes.readableBytes) }
        do throws(WireError) {
            while !self.isClosed, let frame = try self.assembler.next() {
                try self.receive(frame)
            }
        } catch {
            self.loop.reject(error, from: Endpoint(self.channel?.remoteAddress))
            self.close()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.close() }

    private var isClosed: Bool {
        if case .closed = self.state { true } else { false }
    }

    private func greet() {
        guard case .connecting(let handshake) = self.state else { return }
        self.write(handshake.hello)
    }

    private func receive(_ frame: [UInt8]) throws(WireError) {
        switch self.state {
        case .accepting:
            let (welcome, channel) = try StreamHandshake.accept(
                hello: frame,
                keys: self.loop.keys,
                node: self.loop.node,
                versions: self.loop.wire.versions
            )
            self.write(welcome)
            self.opened(channel)
        case .connecting(let handshake):
            self.opened(try handshake.open(welcome: frame))
        case .open(var channel):
            let body = try channel.open(frame)
            self.state = .open(channel)
            self.touch()
            try self.loop.received(body: body, from: channel.peer, over: self)
        case .closed: break
        }
    }

    private func opened(_ channel: StreamChannel) {
        guard channel.version != nil else {
            self.hasNoCommonVersion = true
            self.loop.hasNoCommonVersion(
                with: channel,
                at: self.endpoint
                    ?? Endpoint(self.channel?.remoteAddress).map {
                        Endpoint(address: $0.address, port: 0)
                    }
            )
            return self.close()
        }
        self.state = .open(channel)
        self.peer = channel.peer
        self.assembler.allowFrames()
        self.touch()
        guard self.loop.streamOpened(self, to: channel.peer) else { return self.close() }
        let messages = self.waiting
        self.waiting = []
        self.waitingByteCount = 0
        for message in messages { self.send(message) }
    }

    /// Reads no more for as long as the other end has sent too much for: it waits then, and nothing is
    /// lost.
    private func rest(after byteCount: Int) {
        let now = LoopClock.now()
        self.budget.spend(byteCount, at: now)
        let debt = -self.budget.available(at: now)
        guard debt > 0, !self.isResting, !self.isClosed, let channel = self.channel else { return }
        self.isResting = true
        self.loop.counters.streamsRested += 1
        _ = channel.setOption(.autoRead, value: false)
        let pause = Duration.milliseconds(1 + 1_000 * debt / self.limits.byteRate)
        self.deadline = max(self.deadline, now.advanced(by: pause))
        self.loop.after(pause) { [weak self] _ in
            guard let self else { return }
            self.isResting = false
            _ = self.channel?.setOption(.autoRead, value: true)
        }
    }

    /// A probe keeps its first deadline; only whole frames count as life.
    private func touch() {
        if case .probe = self.purpose { return }
        self.deadline = LoopClock.now().advanced(by: self.limits.idleTimeout)
    }

    private func write(_ frame: [UInt8]) {
        guard let channel = self.channel else { return }
        guard channel.isWritable else { return self.close() }
        let bytes = FrameAssembler.prefixed(frame)
        self.loop.counters.streamBytesSent += UInt64(bytes.count)
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    private func finish() {
        guard !self.isClosed else { return }
        self.state = .closed
        self.channel = nil
        self.loop.streamClosed(self)
    }
}
