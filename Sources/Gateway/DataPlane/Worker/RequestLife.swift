internal import CMeshSystem
internal import MeshBalancing
internal import MeshHTTP
internal import MeshRouting

/// The life of a request, in order: read, routed, dispatched, sent, answered, finished.
///
/// Reading sockets, failures and reports are in the other extensions; this file is their table of
/// contents. "Place" is always the exchange's index.
extension Worker {
    /// Most bytes of a body kept for a retry.
    static let replayLimit = 64 * 1_024
    /// Bodies up to this size are copied behind their head, so that both go out in one packet.
    private static let joinLimit = 8_192

    /// A whole head was read; ``request`` and ``fields`` hold it, `rest` is what came behind it.
    func serve(_ client: Int32, rest: UnsafeRawBufferPointer) {
        guard let view = self.view else { return self.refuse(client, status: 503) }
        let place = self.begin(client, on: view)
        guard place >= 0 else { return self.refuse(client, status: 503) }
        guard let body = self.requestPiece(place, rest), self.route(place) else { return }
        let exchange = self.exchanges[place]
        let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
        if route.pointee.hasPlugins, !self.access(place) { return }
        guard route.pointee.upstream >= 0 else {
            self.answer(place, status: 503, message: "no Service found with those values")
            return
        }
        exchange.pointee.hash = self.hashKey(exchange)
        self.dispatch(place, body: body)
    }

    /// Takes an exchange for the head at hand.
    private func begin(_ client: Int32, on view: UnsafeMutablePointer<SnapshotView>) -> Int32 {
        let place = self.exchanges.take()
        guard place >= 0 else { return -1 }
        let connection = self.connections[client]
        connection.pointee.exchange = place
        connection.pointee.requests &+= 1
        view.pointee.holders += 1
        self.exchanges[place].initialize(
            to: Exchange(
                requestID: self.makeRequestID(),
                flags: self.requestFlags(),
                client: client,
                upstream: -1,
                route: -1,
                target: -1,
                attempts: 0,
                status: 0,
                interims: 0,
                requestFraming: self.request.framing,
                requestChunks: ChunkedDecoder(),
                responseFraming: .none,
                responseChunks: ChunkedDecoder(),
                clientFraming: .none,
                tried: TriedTargets(),
                view: view,
                matched: 0,
                hash: 0,
                begunAt: connection.pointee.since,
                attemptAt: 0,
                answeredAt: 0,
                received: UInt64(self.requestBytes.count),
                returned: 0,
                progress: 0,
                failure: .none,
                plugins: nil,
                head: BlockQueue(),
                replay: BlockQueue()
            )
        )
        self.exchanges[place].pointee.head.append(self.requestBytes, from: &self.blocks)
        self.counters.add(WorkerCounter.requests)
        self.counters.add(WorkerCounter.activeRequests)
        self.setClientTimer(place)
        return place
    }

    private func requestFlags() -> Exchange.Flags {
        var flags: Exchange.Flags = .replayable
        if self.request.framing == .none { flags.insert(.requestComplete) }
        if self.request.expectsContinue { flags.insert(.awaitsContinue) }
        if self.request.method.isIdempotent { flags.insert(.idempotent) }
        if self.request.method == .head { flags.insert(.isHead) }
        if self.request.version == .http10 { flags.insert(.isHTTP10) }
        if self.request.upgrade { flags.insert(.asksUpgrade) }
        if self.request.keepAlive { flags.insert(.keepsClient) }
        return flags
    }

    /// Finds the route; answers and returns `false` when there is none.
    private func route(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard self.normalizePath() else {
            self.answer(place, status: 400)
            return false
        }
        guard let match = self.match(exchange) else {
            self.counters.add(WorkerCounter.unmatched)
            self.answer(place, status: 404, message: "no Route matched with those values")
            return false
        }
        exchange.pointee.route = Int32(truncatingIfNeeded: match.routeIndex)
        exchange.pointee.matched = match.prefixLength
        return true
    }

    /// Picks a target and sends the request there; `body` is what has arrived of its body, framed
    /// as the target shall see it.
    ///
    /// Called again for every retry, with the head laid out anew and an empty `body`.
    func dispatch(_ place: Int32, body: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard let upstream = self.upstreamIndex(exchange) else { return }
        let view = exchange.pointee.view
        let choice = view.pointee.pick(
            UpstreamIndex(upstream),
            hash: exchange.pointee.hash,
            tried: exchange.pointee.tried
        )
        guard choice.isSome else {
            return self.answerNoTarget(place)
        }
        exchange.pointee.tried.insert(Int(choice.rawValue))
        exchange.pointee.target = choice.rawValue
        let state = view.pointee.state(UpstreamIndex(upstream), choice)
        state.pointee.begin()
        exchange.pointee.flags.insert(.isCounted)
        self.attempt(place, state, body: body)
    }

    /// Begins one attempt at the chosen target, on a kept connection if there is one.
    func attempt(
        _ place: Int32,
        _ state: UnsafeMutablePointer<TargetState>,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        exchange.pointee.attempts += 1
        exchange.pointee.attemptAt = self.now
        exchange.pointee.failure = .none
        exchange.pointee.flags.remove(.discardsRequest)
        state.pointee.row.counts.add(TargetCounter.attempts)
        let pool = exchange.pointee.view.pointee.pool(
            RouteIndex(rawValue: exchange.pointee.route),
            TargetIndex(rawValue: exchange.pointee.target)
        )
        guard self.acquireConnection(place, pool) else {
            self.keepForRetry(place, body)
            return self.attemptFailed(place, .connect)
        }
        guard self.sendRequest(place, body) else { return }
        self.setClientTimer(place)
        self.setUpstreamTimer(place)
        self.postponeIfReadable(exchange.pointee.client)
    }

    /// Writes the head for the target, then what there is of the body.
    ///
    /// Returns `false` when the exchange has ended or moved on to another attempt.
    private func sendRequest(_ place: Int32, _ body: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        guard let head = self.writeRequestHead(exchange) else {
            self.answer(place, status: 400)
            return false
        }
        let upstream = exchange.pointee.upstream
        if !exchange.pointee.replay.isEmpty {
            let connection = self.connections[upstream]
            connection.pointee.output.append(head, from: &self.blocks)
            connection.pointee.output.append(copyOf: exchange.pointee.replay, from: &self.blocks)
            guard connection.pointee.role == .connecting || self.flush(upstream) else {
                self.sendFailed(place)
                return false
            }
            return self.allowContinue(place)
        }
        let sent = self.sendTogether(upstream, head, body)
        self.keepForRetry(place, body)
        guard sent else {
            self.sendFailed(place)
            return false
        }
        return self.allowContinue(place)
    }

    /// Sends a head that stands at the start of ``output`` and a part of its body: in one piece
    /// when that costs little copying.
    @inline(__always)
    private func sendTogether(
        _ connection: Int32,
        _ head: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer
    ) -> Bool {
        guard let source = body.baseAddress, !body.isEmpty else {
            return self.send(connection, head)
        }
        guard !head.isEmpty, body.count <= Self.joinLimit else {
            return self.send(connection, head, body)
        }
        (self.output + head.count).copyMemory(from: source, byteCount: body.count)
        let count = head.count + body.count
        return self.send(connection, UnsafeRawBufferPointer(start: self.output, count: count))
    }

    /// More of the request's body has arrived.
    func continueRequest(_ place: Int32, _ bytes: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard let piece = self.requestPiece(place, bytes) else { return }
        if exchange.pointee.flags.contains(.discardsRequest) {
            // What is thrown away cannot be sent to another target.
            exchange.pointee.flags.remove(.replayable)
            return
        }
        let sent = self.send(exchange.pointee.upstream, piece)
        self.keepForRetry(place, piece)
        guard sent else { return self.sendFailed(place) }
        if exchange.pointee.flags.contains(.requestComplete) { self.setClientTimer(place) }
        self.setUpstreamTimer(place)
    }

    /// The target's final response head was read; ``response`` and ``fields`` hold it.
    ///
    /// `rest` is what came behind it. Returns `false` when the exchange has ended.
    func beginResponse(
        _ place: Int32,
        from bytes: UnsafeRawBufferPointer,
        rest: UnsafeRawBufferPointer
    ) -> Bool {
        let exchange = self.exchanges[place]
        exchange.pointee.answeredAt = self.now
        exchange.pointee.status = self.response.status
        exchange.pointee.responseFraming = self.response.framing
        exchange.pointee.replay.clear(to: &self.blocks)
        exchange.pointee.flags.remove(.replayable)
        self.observeAnswer(exchange)
        guard let head = self.writeResponseHead(exchange, from: bytes) else {
            self.attemptFailed(place, .malformed)
            return false
        }
        exchange.pointee.flags.insert(.responseBegun)
        return self.forward(place, head: head, rest)
    }

    /// Sends a part of the response to the client; `false` when the exchange has ended.
    func forward(
        _ place: Int32,
        head: UnsafeRawBufferPointer,
        _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let exchange = self.exchanges[place]
        let client = exchange.pointee.client
        guard let part = self.responsePart(exchange, bytes) else {
            // Whatever was sent so far, the client must not take it for a whole response.
            self.reset(client)
            return false
        }
        guard self.sendTogether(client, head, part.bytes) else {
            self.close(client)
            return false
        }
        exchange.pointee.returned &+= UInt64(head.count + part.bytes.count)
        if part.isLast {
            self.finish(place)
            return false
        }
        self.setClientTimer(place)
        self.setUpstreamTimer(place)
        return self.connections[client].pointee.output.isEmpty
    }

    /// The response is complete: both connections are kept or closed, and the request is counted.
    func finish(_ place: Int32) {
        let exchange = self.exchanges[place]
        let client = exchange.pointee.client
        let keepsClient = exchange.pointee.flags.contains(.keepsClient)
        let isComplete = exchange.pointee.flags.contains(.requestComplete)
        self.releaseUpstream(exchange)
        self.conclude(place)
        let connection = self.connections[client]
        connection.pointee.exchange = -1
        guard keepsClient, isComplete, !self.closesClients else {
            if !isComplete { connection.pointee.flags.insert(.lingersWhenWritten) }
            return self.leave(client)
        }
        let isWritten = connection.pointee.output.isEmpty
        let limit = isWritten ? self.timeouts.idle : self.timeouts.writeStall
        self.wheel.set(client, self.milliseconds + limit)
        if isWritten, !connection.pointee.input.isEmpty { self.postpone(client) }
        self.postponeIfReadable(client)
    }

    @inline(__always)
    private func postponeIfReadable(_ client: Int32) {
        if self.connections[client].pointee.flags.contains(.readable) { self.postpone(client) }
    }

    /// Frees an exchange, however it ended, and reports it.
    func conclude(_ place: Int32) {
        let exchange = self.exchanges[place]
        self.settleTarget(exchange)
        self.account(exchange)
        exchange.pointee.head.clear(to: &self.blocks)
        exchange.pointee.replay.clear(to: &self.blocks)
        if let block = exchange.pointee.plugins { self.blocks.giveBack(block) }
        self.release(exchange.pointee.view)
        self.counters.subtract(WorkerCounter.activeRequests)
        self.exchanges.giveBack(place)
    }
}
