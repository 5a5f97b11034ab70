internal import CMeshSystem
internal import MeshBalancing
internal import MeshHTTP
internal import MeshRouting

/// The life of a request, in order: begun, routed, filtered, dispatched, sent, answered, finished.
///
/// Codecs and links, failures and reports stand in files of their own; this one is their table of
/// contents. "Place" is always the exchange's index, "try" the attempt's. Steps that each request
/// takes are inlined into the step before, since handing a scope on costs twenty instructions.
extension Worker {
    /// Most plain bytes of a body kept for another attempt: more than one read brings, so that an
    /// upload survives a refused connection, before which nothing more is read.
    static let replayLimit = 128 * 1_024

    /// A whole head was read from an HTTP/1 client; `rest` is what came behind it.
    func serve(
        _ client: Int32,
        _ scope: inout RequestScope,
        rest: UnsafeRawBufferPointer
    ) {
        guard let view = self.view else { return self.refuse(client, status: 503) }
        let place = self.begin(client, stream: 0, scope, on: view)
        guard place >= 0 else {
            self.countRequest(.exhausted)
            return self.refuse(client, status: 503)
        }
        self.io[client].pointee.owner = place
        guard let body = self.decodeRequest(place, rest) else { return }
        self.direct(place, &scope, body: body)
    }

    /// Takes an exchange for the head at hand; -1 when there is no room.
    func begin(
        _ client: Int32,
        stream: Int32,
        _ scope: borrowing RequestScope,
        on view: UnsafeMutablePointer<SnapshotView>
    ) -> Int32 {
        let place = self.exchanges.take()
        guard place >= 0 else { return -1 }
        let link = self.io[client]
        link.pointee.requests &+= 1
        view.pointee.holders += 1
        self.exchanges[place].initialize(
            to: Exchange(
                requestID: self.makeRequestID(),
                flags: Self.flags(of: scope.head),
                client: client,
                stream: stream,
                decoder: BodyDecoder(scope.head.framing),
                view: view,
                named: HeadRanges(scope.head),
                begunAt: stream == 0 ? link.pointee.since : self.now,
                received: UInt64(scope.bytes.count)
            )
        )
        self.exchanges[place].pointee.head.append(scope.bytes, from: &self.io.blocks)
        self.findClient(self.exchanges[place], scope)
        self.counters.add(WorkerCounter.requests)
        self.counters.add(WorkerCounter.activeRequests)
        self.setClientTimer(place)
        return place
    }

    @inline(__always)
    private static func flags(of head: borrowing RequestHead) -> Exchange.Flags {
        var flags: Exchange.Flags = .isKept
        if head.framing == .none { flags.insert(.requestComplete) }
        if head.expectsContinue { flags.insert(.awaitsContinue) }
        if head.method.isIdempotent { flags.insert(.idempotent) }
        if head.method == .head { flags.insert(.isHead) }
        if head.version == .http10 { flags.insert(.isHTTP10) }
        if head.upgrade { flags.insert(.asksUpgrade) }
        if head.keepAlive { flags.insert(.keepsClient) }
        if head.acceptsTrailers { flags.insert(.takesTrailers) }
        return flags
    }

    /// Finds the way of a request whose head is at hand; `body` is what came of its body, plain.
    func direct(
        _ place: Int32,
        _ scope: inout RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        guard !self.isOverloaded else { return self.shed(place, scope) }
        guard self.route(place, &scope), self.admit(place, scope) else { return }
        let exchange = self.exchanges[place]
        let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
        if route.pointee.hasPlugins {
            guard self.filter(place, scope, body: body) else { return }
            return self.proceedFiltered(place, scope, body: body)
        }
        self.proceed(place, scope, body: body)
    }

    /// Goes on with a request that may go to its route's upstream.
    @inline(__always)
    func proceed(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
        guard route.pointee.upstream >= 0 else {
            return self.answer(
                place,
                scope,
                status: 503,
                message: "no Service found with those values"
            )
        }
        exchange.pointee.hash = self.hashKey(exchange, scope)
        if route.pointee.totalTimeout > 0 {
            self.setDeadline(place, after: route.pointee.totalTimeout)
        }
        guard exchange.pointee.flags.contains(.requestComplete) || !self.buffer(place, body: body)
        else { return }
        self.dispatch(place, scope, body: body)
    }

    /// Finds the route; answers and returns `false` when there is none.
    @inline(__always)
    private func route(_ place: Int32, _ scope: inout RequestScope) -> Bool {
        let exchange = self.exchanges[place]
        guard self.reader.normalize(&scope) else {
            self.answer(place, scope, status: 400)
            return false
        }
        guard let match = self.match(exchange, scope) else {
            self.counters.add(WorkerCounter.unmatched)
            self.answer(place, scope, status: 404, message: "no Route matched with those values")
            return false
        }
        exchange.pointee.route = Int32(truncatingIfNeeded: match.routeIndex)
        exchange.pointee.matched = match.prefixLength
        return true
    }

    /// Picks a target and begins an attempt there; `body` is what has arrived of the body, plain.
    ///
    /// Called again for every other target, with an empty `body`: what was read is in
    /// ``Exchange/replay`` then.
    func dispatch(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        guard let upstream = self.upstreamIndex(exchange) else { return }
        let view = exchange.pointee.view
        if exchange.pointee.attempts == 0, !exchange.pointee.flags.contains(.isWaiting) {
            view.pointee.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
                $0.retries.countRequest(at: self.milliseconds)
            }
        }
        guard self.waitingRooms.isEmpty || !self.mustWait(place, scope, body: body) else { return }
        let trial = self.trials.isEmpty ? nil : self.takeTrial(exchange, of: upstream)
        let choice =
            trial?.target ?? self.pinnedTarget(exchange, upstream)
            ?? self.pickTarget(exchange, upstream)
        guard choice.isSome else { return self.missTarget(place, scope, choice, body: body) }
        if exchange.pointee.flags.contains(.isWaiting) { self.endWaiting(place) }
        exchange.pointee.tried.insert(Int(choice.rawValue))
        let index = self.beginAttempt(place, target: choice)
        guard index >= 0 else {
            trial?.ticket.end()
            exchange.pointee.failure = ProxyFailure(cause: .exhausted)
            return self.answer(place, scope, status: 503)
        }
        if let trial { self.begin(trial, at: index) }
        let state = view.pointee.state(upstream, choice)
        state.pointee.begin()
        self.attempts[index].pointee.flags.insert(.isCounted)
        self.connect(index, state, scope, body: body)
    }

    /// Takes an attempt for the exchange; -1 when there is no room.
    @inline(__always)
    func beginAttempt(_ place: Int32, target: TargetIndex) -> Int32 {
        let index = self.attempts.take()
        guard index >= 0 else { return -1 }
        self.attempts[index].initialize(
            to: Attempt(exchange: place, target: target.rawValue, begunAt: self.now)
        )
        let exchange = self.exchanges[place]
        exchange.pointee.attempt = index
        exchange.pointee.target = target.rawValue
        exchange.pointee.attempts += 1
        exchange.pointee.attemptAt = self.now
        exchange.pointee.failure = .none
        return index
    }

    /// Gives the attempt a connection, kept or just begun, and sends the request.
    @inline(__always)
    func connect(
        _ index: Int32,
        _ state: UnsafeMutablePointer<TargetState>,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let place = self.attempts[index].pointee.exchange
        state.pointee.row.counts.add(TargetCounter.attempts)
        if let cause = self.acquireLink(index) {
            self.keep(place, body)
            return self.attemptFailed(index, cause)
        }
        guard self.sendRequest(index, scope, body) else { return }
        self.setClientTimer(place)
        self.setAttemptTimer(index)
        self.lookAgain(place)
    }

    /// Writes the head for the target, then what there is of the body.
    ///
    /// Returns `false` when the exchange has ended or moved on to another attempt.
    @inline(__always)
    private func sendRequest(
        _ index: Int32,
        _ scope: borrowing RequestScope,
        _ body: UnsafeRawBufferPointer
    ) -> Bool {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        if exchange.pointee.filters != nil { self.editRequest(exchange, scope) }
        if scope.head.framing == .chunked {
            self.attempts[index].pointee.flags.insert(.sendsChunks)
        }
        guard let head = self.writeRequestHead(exchange, scope) else {
            self.answer(place, scope, status: 400)
            return false
        }
        if exchange.pointee.filters != nil {
            self.noteTarget(exchange, self.writer.head(head))
        }
        if exchange.pointee.flags.contains(.hasSpill) { self.rewindSpill(exchange) }
        let isSpilled = exchange.pointee.flags.contains(.requestSpilled)
        let isLast = exchange.pointee.flags.contains(.requestComplete) && !isSpilled
        let isSent: Bool
        if exchange.pointee.replay.isEmpty {
            isSent = self.sendToTarget(index, head: head, body, isLast: isLast)
            self.keep(place, body)
        } else {
            isSent = self.sendReplay(index, head: head, isLast: isLast)
        }
        guard isSent else {
            self.sendFailed(index)
            return false
        }
        return self.allowContinue(place)
    }

    /// Sends a head and the body as far as it was kept, piece by piece.
    private func sendReplay(_ index: Int32, head: Int, isLast: Bool) -> Bool {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        var head = head
        var next = exchange.pointee.replay.pieces
        while let piece = next.next() {
            let isEnd = isLast && next.isAtEnd
            guard self.sendToTarget(index, head: head, piece, isLast: isEnd) else { return false }
            head = 0
        }
        return true
    }

    /// More of the request's body has arrived, plain.
    func continueRequest(_ place: Int32, _ plain: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.isBuffering) else {
            return self.bufferMore(place, plain)
        }
        let index = exchange.pointee.attempt
        guard index >= 0 else { return }
        if self.attempts[index].pointee.flags.contains(.discardsRequest) {
            // What is thrown away cannot be sent to another target.
            exchange.pointee.flags.remove(.isKept)
            return
        }
        let isLast = exchange.pointee.flags.contains(.requestComplete)
        var plain = plain
        if exchange.pointee.filters != nil {
            guard let changed = self.filterBody(place, plain, isLast: isLast) else { return }
            plain = changed
        }
        if exchange.pointee.flags.contains(.requestSpilled) {
            // What came before goes first.
            _ = self.spillRequest(place, plain)
            return
        }
        let isSent = self.sendToTarget(index, head: 0, plain, isLast: isLast)
        self.keep(place, plain)
        guard isSent else { return self.sendFailed(index) }
        if isLast { self.setClientTimer(place) }
        self.setAttemptTimer(index)
    }

    /// Keeps a part of the body while the request may still go to another target.
    @inline(__always)
    func keep(_ place: Int32, _ plain: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains(.isKept), !plain.isEmpty else { return }
        // An HTTP/2 target may decline what it was sent; then anything may be repeated.
        let mayBeDeclined =
            exchange.pointee.attempt >= 0
            && self.attempts[exchange.pointee.attempt].pointee.stream != 0
        let isRepeatable =
            exchange.pointee.flags.contains(.idempotent) || mayBeDeclined
            || !self.hasSent(exchange)
        guard isRepeatable, !exchange.pointee.flags.contains(.hasSpill),
            exchange.pointee.replay.count + plain.count <= Self.replayLimit
        else {
            exchange.pointee.replay.clear(to: &self.io.blocks)
            exchange.pointee.flags.remove(.isKept)
            return
        }
        exchange.pointee.replay.append(plain, from: &self.io.blocks)
    }

    /// The target's final response head was read; ``response`` and its fields hold it.
    ///
    /// `rest` is what came behind it. Returns `false` when reading must not go on.
    func beginResponse(
        _ index: Int32,
        from bytes: UnsafeRawBufferPointer,
        rest: UnsafeRawBufferPointer
    ) -> Bool {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        guard exchange.pointee.hedge < 0 || self.wins(index) else { return false }
        if self.attempts[index].pointee.patience > 0, self.losesTrial(index) { return false }
        guard !self.refusesAnswer(index) else { return false }
        self.learnLoad(index)
        self.endAwaiting(index)
        if exchange.pointee.flags.contains(.mayAnswerLate) { self.clearDeadline(exchange) }
        exchange.pointee.answeredAt = self.now
        exchange.pointee.status = self.response.status
        exchange.pointee.replay.clear(to: &self.io.blocks)
        exchange.pointee.flags.remove(.isKept)
        self.dropRequestSpill(exchange)
        // HTTP/2 has taken the framing off.
        self.attempts[index].pointee.decoder = BodyDecoder(
            self.attempts[index].pointee.stream == 0 ? self.response.framing : .untilClose
        )
        self.observeAnswer(exchange, status: self.response.status)
        self.takeLoad(exchange, from: bytes)
        if exchange.pointee.attempts == 1, self.routePlan(exchange)?.pointee.hedges == true {
            self.learn(exchange, since: exchange.pointee.attemptAt)
        }
        guard let lines = self.editResponse(exchange, from: bytes) else {
            if let refusal = exchange.pointee.filters?.filter.pointee.refusal, refusal > 0 {
                let scope = self.reader.load(exchange.pointee.head)
                self.answer(place, scope, status: refusal, hasBody: false)
                return false
            }
            exchange.pointee.failure = ProxyFailure(cause: .exhausted)
            self.answer(place, status: 500)
            return false
        }
        guard let head = self.writeResponseHead(index, from: bytes, adding: lines) else {
            self.attemptFailed(index, .malformed)
            return false
        }
        if exchange.pointee.filters != nil {
            self.noteResponse(exchange, self.writer.head(head))
        }
        exchange.pointee.flags.insert(.responseBegun)
        guard exchange.pointee.flags.contains(.isRelay) else {
            return self.forward(index, head: head, rest)
        }
        return self.beginRelay(index, head: head, rest)
    }

    /// Sends a part of the response to the client; `false` when reading must not go on.
    func forward(_ index: Int32, head: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let place = self.attempts[index].pointee.exchange
        let piece = self.attempts[index].pointee.decoder.decode(bytes, &self.io.blocks)
        if piece.hasEnded, piece.consumed < bytes.count {
            // Bytes behind the response's end are nobody's: the connection is of no more use.
            self.attempts[index].pointee.flags.remove(.keepsLink)
        }
        if piece.fault != nil, head > 0, piece.plain.isEmpty {
            // Nothing has been told to the client yet.
            self.exchanges[place].pointee.flags.remove(.responseBegun)
            self.attemptFailed(index, .malformed)
            return false
        }
        if self.exchanges[place].pointee.flags.contains([.isRelay, .asksUpgrade]), head == 0 {
            self.exchanges[place].pointee.frames.take(piece.plain)
        }
        let isLast =
            piece.hasEnded || self.attempts[index].pointee.flags.contains(.answerEnded)
        var plain = piece.plain
        if self.exchanges[place].pointee.filters != nil {
            guard let changed = self.filterResponseBody(index, plain, isLast: isLast) else {
                return false
            }
            plain = changed
        }
        guard self.deliver(place, head: head, plain, isLast: isLast) else {
            self.closeClient(place)
            return false
        }
        if piece.fault != nil {
            self.cut(index, .malformed)
            return false
        }
        if isLast {
            self.finish(place)
            return false
        }
        self.setClientTimer(place)
        if head > 0 || self.bringsEnough(index, bytes.count) { self.setAttemptTimer(index) }
        return self.clientTakesMore(place)
    }

    /// Whether a target that has begun to answer has brought enough of its answer to get more time.
    @inline(__always)
    func bringsEnough(_ index: Int32, _ count: Int) -> Bool {
        let least = self.timeouts.responseProgress
        guard least > 0 else { return true }
        let progress = self.attempts[index].pointee.progress &+ Int64(count)
        self.attempts[index].pointee.progress = progress < least ? progress : 0
        let place = self.attempts[index].pointee.exchange
        return progress >= least || self.exchanges[place].pointee.flags.contains(.isRelay)
    }

    /// The response is complete: both connections are kept or closed, and the request is counted.
    func finish(_ place: Int32) {
        let exchange = self.exchanges[place]
        let isSpilled = exchange.pointee.flags.contains(.responseSpilled)
        if exchange.pointee.attempt >= 0 {
            if isSpilled { self.keepTrailers(place, of: exchange.pointee.attempt) }
            self.releaseAttempt(exchange.pointee.attempt)
        }
        // The target is free; the client gets the rest from here.
        guard !isSpilled else { return self.pumpSoon(place) }
        let client = exchange.pointee.client
        let stream = exchange.pointee.stream
        let flags = exchange.pointee.flags
        let unconsumed = exchange.pointee.unconsumed
        self.conclude(place)
        self.release(place, client, stream: stream, unconsumed: unconsumed, after: flags)
    }

    /// Frees an exchange, however it ended, and reports it; its attempts have ended before.
    func conclude(_ place: Int32) {
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.isWaiting) { self.endWaiting(place) }
        self.account(exchange)
        if exchange.pointee.flags.contains([.isRelay, .responseBegun]) { self.relayCount -= 1 }
        self.timers.clear(.exchange, place)
        exchange.pointee.head.clear(to: &self.io.blocks)
        exchange.pointee.replay.clear(to: &self.io.blocks)
        exchange.pointee.held.clear(to: &self.io.blocks)
        exchange.pointee.decoder.trailers.clear(to: &self.io.blocks)
        if let block = exchange.pointee.filters { self.releaseFilters(block) }
        if exchange.pointee.flags.contains(.hasSpill) {
            self.closeSpills(place)
            exchange.pointee.flags = []
        }
        self.release(exchange.pointee.view)
        self.counters.subtract(WorkerCounter.activeRequests)
        self.exchanges.giveBack(place)
    }
}
