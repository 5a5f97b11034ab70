internal import MeshHTTP

/// Clients that speak HTTP/2: each stream is an exchange like any other.
extension Worker {
    /// What an HTTP/2 client sends first (RFC 9113 section 3.4).
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Whether bytes are, or may become, the preface of a client with prior knowledge.
    static func isPreface(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let count = min(bytes.count, Self.preface.utf8CodeUnitCount)
        guard count >= 4 else { return false }
        for index in 0..<count where bytes[index] != Self.preface.utf8Start[index] {
            return false
        }
        return true
    }

    /// A client speaks HTTP/2; `bytes` are what has come of it.
    func beginSession(_ link: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let session = self.startSession(link, .server) else { return self.close(link) }
        self.patience(link, self.timeouts.idle)
        if self.closesClients { session.session.announceShutdown() }
        self.receive(bytes, session)
    }

    /// Reads what a client sent to its session.
    func sessionReadable(_ link: Int32) {
        guard let session = self.session(link) else { return }
        var budget = Self.readBudget
        while self.io[link].pointee.isReadable {
            // A peer that does not take our frames is not read from.
            guard self.io[link].pointee.isWritten else { return }
            guard budget > 0 else { return self.postponeFar(link) }
            budget -= 1
            switch self.io.read(link, into: self.sessionInput, limit: 64 * 1_024) {
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(start: self.sessionInput, count: count)
                self.receive(bytes, session)
                guard self.session(link) === session else { return }
            case .drained: return
            case .ended, .broken: return self.close(link)
            }
        }
    }

    private func receive(_ bytes: UnsafeRawBufferPointer, _ session: HTTP2Link) {
        _ = session.session.receive(bytes, now: UInt64(max(0, self.milliseconds)))
        self.timers.set(.link, session.link, self.milliseconds + self.timeouts.idle)
        self.runSession(session)
    }

    func handle(_ event: HTTP2Event, of session: HTTP2Link) {
        switch event.kind {
        case .head(let head): self.takeHead(head, event.stream, of: session)
        case .data(let bytes): self.takeBody(bytes, event, of: session)
        case .trailers(let lines):
            guard event.tag >= 0 else { return }
            let exchange = self.exchanges[event.tag]
            exchange.pointee.decoder.trailers.append(lines, from: &self.io.blocks)
        case .end:
            guard event.tag >= 0 else { return }
            let exchange = self.exchanges[event.tag]
            guard !exchange.pointee.flags.contains(.requestComplete) else { return }
            guard !exchange.pointee.flags.contains(.isRelay) else {
                return self.relayClientEnded(event.tag)
            }
            self.endRequest(exchange)
            self.continueRequest(event.tag, UnsafeRawBufferPointer(start: nil, count: 0))
        case .drained:
            guard event.tag >= 0 else { return }
            self.streamDrained(event.tag)
        case .closed:
            guard event.tag >= 0 else { return }
            session.remove(event.tag)
            self.abandon(event.tag)
        case .goaway, .settings, .settingsAcknowledged, .pong: break
        }
    }

    private func takeHead(_ head: HTTP2Head, _ stream: Int32, of session: HTTP2Link) {
        if let fault = head.fault { return self.refuse(fault, stream, of: session) }
        switch self.reader.parse(head.text) {
        case .complete:
            var scope = self.reader.scope(head.text)
            self.serve(session, stream, &scope, head)
        case .incomplete: session.session.reset(stream, .protocolError)
        case .invalid(let fault): self.refuse(fault, stream, of: session)
        }
    }

    private func serve(
        _ session: HTTP2Link,
        _ stream: Int32,
        _ scope: inout RequestScope,
        _ head: HTTP2Head
    ) {
        guard let view = self.view else {
            return self.refuse(status: 503, nil, stream, of: session)
        }
        let place = self.begin(session.link, stream: stream, scope, on: view)
        guard place >= 0 else {
            self.countRequest(.exhausted)
            return self.refuse(status: 503, nil, stream, of: session)
        }
        session.add(place)
        session.session.setTag(place, on: stream)
        let exchange = self.exchanges[place]
        exchange.pointee.flags.insert([.isHTTP2, .takesTrailers])
        if head.isExtendedConnect {
            // What follows the heads is the WebSocket itself.
            exchange.pointee.flags.insert(.isExtendedConnect)
        } else if head.endsStream {
            self.endRequest(exchange)
        } else {
            exchange.pointee.flags.remove(.requestComplete)
        }
        self.direct(place, &scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Content is sent on at once, and waits at the target's link if that is slow; the client gets
    /// credit for more when it has left.
    private func takeBody(
        _ bytes: UnsafeRawBufferPointer,
        _ event: HTTP2Event,
        of session: HTTP2Link
    ) {
        guard event.tag >= 0 else { return session.session.consume(bytes.count, on: event.stream) }
        let place = event.tag
        let exchange = self.exchanges[place]
        exchange.pointee.received &+= UInt64(bytes.count)
        exchange.pointee.progress += bytes.count
        exchange.pointee.unconsumed += Int32(truncatingIfNeeded: bytes.count)
        guard self.admitBody(place) else {
            return session.session.consume(bytes.count, on: event.stream)
        }
        let isTaken =
            exchange.pointee.attempt >= 0 || exchange.pointee.flags.contains(.isBuffering)
        guard isTaken,
            !exchange.pointee.flags.contains(.isExtendedConnect)
                || exchange.pointee.flags.contains(.isRelay)
        else { return exchange.pointee.held.append(bytes, from: &self.io.blocks) }
        self.continueRequest(place, bytes)
        guard session.session.tag(of: event.stream) == place else {
            return session.session.consume(bytes.count, on: event.stream)
        }
        self.resumeStream(self.exchanges[place])
    }

    /// Milliseconds between an early answer and the reset that asks for no more of the request.
    private static let orphanPatience: Int64 = 100

    /// Resets streams whose early answer has had its time.
    func resetOrphans() {
        var count = 0
        while count < self.orphans.count, self.orphans[count].resetAt <= self.milliseconds {
            let orphan = self.orphans[count]
            count += 1
            guard let session = self.session(orphan.link), session === orphan.session else {
                continue
            }
            session.session.reset(orphan.stream, .noError)
            self.touch(session)
        }
        if count > 0 { self.orphans.removeFirst(count) }
    }

    /// Answers a stream that has no exchange.
    private func refuse(_ fault: HTTPFault, _ stream: Int32, of session: HTTP2Link) {
        self.counters.add(WorkerCounter.malformed)
        self.countRequest(.clientMalformed)
        self.refuse(status: fault.status, fault.message, stream, of: session)
    }

    private func refuse(
        status: UInt16,
        _ message: StaticString?,
        _ stream: Int32,
        of session: HTTP2Link
    ) {
        let count = self.writeRefusal(status: status, message: message)
        _ = self.submit(self.writer.head(count), stream, to: session)
        self.resetAfterFrames(session, stream, .noError)
        self.touch(session)
    }

    /// Submits a whole generated response.
    private func submit(
        _ text: UnsafeRawBufferPointer,
        _ stream: Int32,
        to session: HTTP2Link
    ) -> Bool {
        let end = Self.endOfHead(text)
        let head = UnsafeRawBufferPointer(rebasing: text[..<end])
        let body = UnsafeRawBufferPointer(rebasing: text[end...])
        guard session.session.submitResponse(on: stream, head: head, endsStream: body.isEmpty)
        else { return false }
        return body.isEmpty || session.session.send(body, on: stream, endsStream: true)
    }

    /// Where the empty line of a head that we wrote has ended.
    private static func endOfHead(_ text: UnsafeRawBufferPointer) -> Int {
        var at = 0
        while at + 3 < text.count {
            if text[at] == 13, text[at + 1] == 10, text[at + 2] == 13, text[at + 3] == 10 {
                return at + 4
            }
            at += 1
        }
        return text.count
    }

    /// As ``sendToClient(_:head:_:isLast:)``.
    func sendToStream(
        _ place: Int32,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        self.withSession(self.exchanges[place].pointee.client) { session in
            self.send(place, to: session, head: head, plain, isLast: isLast)
        } ?? false
    }

    @inline(__always)
    private func send(
        _ place: Int32,
        to session: HTTP2Link,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        let exchange = self.exchanges[place]
        let stream = exchange.pointee.stream
        let trailers = isLast ? self.trailersForClient(exchange) : nil
        var endsNow = isLast && trailers == nil
        exchange.pointee.returned &+= UInt64(head + plain.count)
        if head > 0 {
            let endsWithHead = endsNow && plain.isEmpty
            guard
                session.session.submitResponse(
                    on: stream,
                    head: self.writer.head(head),
                    endsStream: endsWithHead
                )
            else { return false }
            if endsWithHead { endsNow = false }
        }
        if !plain.isEmpty || endsNow {
            guard session.session.send(plain, on: stream, endsStream: endsNow) else { return false }
        }
        if let trailers { _ = session.session.sendTrailers(trailers, on: stream) }
        self.touch(session)
        return true
    }

    func sendGeneratedToStream(_ place: Int32, _ count: Int) -> Bool {
        let exchange = self.exchanges[place]
        guard let session = self.session(exchange.pointee.client) else { return false }
        exchange.pointee.returned &+= UInt64(count)
        self.touch(session)
        return self.submit(self.writer.head(count), exchange.pointee.stream, to: session)
    }

    @inline(__always)
    func streamTakesMore(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let isEmpty = self.withSession(exchange.pointee.client) { session in
            session.session.waiting(on: exchange.pointee.stream) == 0
        }
        guard let isEmpty else { return false }
        return isEmpty || self.mayWait(exchange)
    }

    /// Gives the client credit for content that has left.
    func resumeStream(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard exchange.pointee.unconsumed > 0,
            !exchange.pointee.flags.contains(.requestSpilled)
        else { return }
        let attempt = exchange.pointee.attempt
        let isDiscarded =
            attempt >= 0 && self.attempts[attempt].pointee.flags.contains(.discardsRequest)
        guard isDiscarded || attempt >= 0 && self.targetTakesMore(attempt) else { return }
        self.withSession(exchange.pointee.client) { session in
            session.session.consume(Int(exchange.pointee.unconsumed), on: exchange.pointee.stream)
            exchange.pointee.unconsumed = 0
            self.touch(session)
        }
    }

    /// Everything that waited for the client's window became frames.
    private func streamDrained(_ place: Int32) {
        self.setStreamTimer(place)
        self.pumpSoon(place)
        let attempt = self.exchanges[place].pointee.attempt
        guard attempt >= 0 else { return }
        self.readHedge(place)
        self.setAttemptTimer(attempt)
        self.targetReadable(of: attempt)
    }

    /// The client's stream is broken: the exchange ends, the connection stays.
    func breakStream(_ place: Int32) {
        let exchange = self.exchanges[place]
        if let session = self.session(exchange.pointee.client) {
            session.session.setTag(-1, on: exchange.pointee.stream)
            session.session.reset(exchange.pointee.stream, .internalError)
            session.remove(place)
            self.touch(session)
        }
        self.abandon(place)
    }

    /// Parts a stream from its exchange, which has ended.
    func releaseStream(
        _ place: Int32,
        _ client: Int32,
        _ stream: Int32,
        unconsumed: Int32,
        after flags: Exchange.Flags
    ) {
        guard let session = self.session(client) else { return }
        session.session.setTag(-1, on: stream)
        session.remove(place)
        let isOpenRelay = flags.contains(.isRelay) && !flags.contains(.responseComplete)
        if flags.contains(.isCut) || isOpenRelay {
            self.resetAfterFrames(session, stream, .internalError)
        } else if !flags.contains(.requestComplete)
            || flags.contains(.isExtendedConnect) && !flags.contains(.isRelay)
        {
            // RFC 9113 section 8.1: the rest of the request is not needed. The reset comes a little
            // later: clients that get it together with the answer may lose the answer.
            session.session.consume(Int(unconsumed), on: stream)
            self.orphans.append(
                OrphanedStream(
                    session: session,
                    link: client,
                    stream: stream,
                    resetAt: self.milliseconds + Self.orphanPatience
                )
            )
        }
        self.touch(session)
    }

    /// Resets a stream behind what was submitted on it: resets overtake content otherwise.
    private func resetAfterFrames(_ session: HTTP2Link, _ stream: Int32, _ code: HTTP2ErrorCode) {
        _ = session.session.output
        session.session.reset(stream, code)
    }

    /// Sets the stream's time limit by what the exchange waits for.
    func setStreamTimer(_ place: Int32) {
        let exchange = self.exchanges[place]
        let waiting = self.withSession(exchange.pointee.client) { session in
            session.session.waiting(on: exchange.pointee.stream)
        }
        guard let waiting else { return }
        if waiting > 0 {
            exchange.pointee.progress = waiting
            self.setStreamDeadline(exchange, self.timeouts.writeStall)
        } else if exchange.pointee.flags.isDisjoint(with: [.requestComplete, .isRelay]) {
            exchange.pointee.progress = 0
            self.setStreamDeadline(exchange, self.timeouts.bodyProgress)
        } else if exchange.pointee.deadline > 0 {
            self.timers.set(.exchange, place, exchange.pointee.deadline)
        } else {
            self.timers.clear(.exchange, place)
        }
    }

    private func setStreamDeadline(_ exchange: UnsafeMutablePointer<Exchange>, _ limit: Int64) {
        let deadline = exchange.pointee.deadline
        let end = self.milliseconds + limit
        self.timers.set(
            .exchange,
            self.place(of: exchange),
            deadline > 0 ? min(deadline, end) : end
        )
    }

    func streamTimedOut(_ place: Int32) {
        let exchange = self.exchanges[place]
        let deadline = exchange.pointee.deadline
        if deadline > 0, self.milliseconds >= deadline { return self.deadlinePassed(place) }
        guard let session = self.session(exchange.pointee.client) else { return }
        let waiting = session.session.waiting(on: exchange.pointee.stream)
        guard waiting > 0 else { return self.bodyTimedOut(place) }
        if exchange.pointee.progress - waiting >= Self.progressByteCount {
            return self.setStreamTimer(place)
        }
        self.breakStream(place)
    }

    /// The client has given up on its call, or the route has: the target's work is cancelled.
    func deadlinePassed(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.deadline = 0
        exchange.pointee.failure = ProxyFailure(cause: .deadline)
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.answer(place, status: 504)
        }
        exchange.pointee.flags.insert(.isCut)
        self.finish(place)
    }

    /// The link has written what it got: frames that waited may go.
    func sessionWritten(_ link: Int32) -> Bool {
        guard let session = self.session(link) else { return false }
        self.timers.set(.link, link, self.milliseconds + self.timeouts.idle)
        self.runSession(session)
        guard self.session(link) === session else { return false }
        if self.io[link].pointee.isReadable { self.sessionReadable(link) }
        return self.session(link) === session
    }

    /// Nothing came for the idle limit, or draining has waited long enough.
    func sessionIdle(_ link: Int32) {
        guard let session = self.session(link) else { return }
        guard session.users.isEmpty || self.isDraining else {
            return self.timers.set(.link, link, self.milliseconds + self.timeouts.idle)
        }
        session.isLeaving = true
        session.session.shutdown()
        self.runSession(session)
        guard self.session(link) === session else { return }
        self.timers.set(.link, link, self.milliseconds + self.timeouts.idle)
    }

    /// Tells a client to go elsewhere: streams on their way are still served.
    func announceLeaving(_ link: Int32) {
        guard let session = self.session(link), session.session.role == .server else { return }
        session.session.announceShutdown()
        self.runSession(session)
    }
}
