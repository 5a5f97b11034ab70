internal import MeshHTTP

/// Targets that speak HTTP/2: many attempts share one connection.
extension Worker {
    /// Attempts on one connection before another one is opened.
    private static let streamLimit = 100

    /// Puts an attempt on an HTTP/2 connection of the pool, a new one if need be.
    func acquireStream(_ index: Int32, _ pool: Int32) -> ProxyFailure.Cause? {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        if !exchange.pointee.flags.contains(.wantsFreshLink) {
            for link in self.pool.shared(pool) {
                guard let session = self.session(link), session.session.canSubmit,
                    session.users.count < Self.streamLimit
                else { continue }
                self.io[link].pointee.requests &+= 1
                self.attempts[index].pointee.flags.insert(.wasReused)
                self.join(index, session)
                return nil
            }
        }
        exchange.pointee.flags.remove(.wantsFreshLink)
        if let cause = self.openLink(index, pool) { return cause }
        let link = self.attempts[index].pointee.link
        guard let session = self.startSession(link, .client) else {
            self.dropLink(index)
            return .exhausted
        }
        self.io[link].pointee.owner = -1
        if !self.pool.isPrivate(pool) {
            session.isShared = true
            self.pool.share(link, pool)
        }
        self.join(index, session)
        return nil
    }

    private func join(_ index: Int32, _ session: HTTP2Link) {
        session.add(index)
        self.attempts[index].pointee.link = session.link
        // The stream's number is known when the head is submitted.
        self.attempts[index].pointee.stream = -1
    }

    /// As ``sendToTarget(_:head:_:isLast:)``.
    func sendToTargetStream(
        _ index: Int32,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        self.withSession(self.attempts[index].pointee.link) { session in
            self.send(index, to: session, head: head, plain, isLast: isLast)
        } ?? false
    }

    @inline(__always)
    private func send(
        _ index: Int32,
        to session: HTTP2Link,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        let attempt = self.attempts[index]
        let exchange = self.exchanges[attempt.pointee.exchange]
        let trailers = isLast ? self.trailersForTarget(exchange) : nil
        var endsNow = isLast && trailers == nil
        if head > 0 {
            let endsWithHead = endsNow && plain.isEmpty
            let stream = session.session.submitRequest(
                head: self.writer.head(head),
                isSecure: self.io[attempt.pointee.link].pointee.isTLS,
                endsStream: endsWithHead,
                tag: index
            )
            guard let stream else { return false }
            attempt.pointee.stream = stream
            attempt.pointee.flags.insert(.headSubmitted)
            if endsWithHead { endsNow = false }
        }
        guard attempt.pointee.stream > 0 else { return false }
        let stream = attempt.pointee.stream
        if !plain.isEmpty || endsNow {
            guard session.session.send(plain, on: stream, endsStream: endsNow) else { return false }
        }
        if let trailers { _ = session.session.sendTrailers(trailers, on: stream) }
        self.touch(session)
        return true
    }

    func targetStreamTakesMore(_ attempt: Attempt) -> Bool {
        guard attempt.stream > 0 else { return false }
        return self.withSession(attempt.link) { session in
            session.session.waiting(on: attempt.stream) == 0
        } ?? false
    }

    /// Parts an attempt from its stream, which is reset unless it has ended.
    func releaseTargetStream(_ index: Int32) {
        let attempt = self.attempts[index]
        let (link, stream) = (attempt.pointee.link, attempt.pointee.stream)
        attempt.pointee.link = -1
        attempt.pointee.stream = 0
        guard link >= 0, let session = self.session(link) else { return }
        session.remove(index)
        if stream > 0 {
            session.session.setTag(-1, on: stream)
            if !attempt.pointee.flags.contains([.answerEnded, .requestSent]) {
                session.session.reset(stream, .cancel)
            }
        }
        if session.users.isEmpty {
            let limit = self.pool.idleMilliseconds
            if limit > 0 { self.timers.set(.link, link, self.milliseconds + limit) }
            if !session.isShared {
                session.session.shutdown()
            }
        }
        self.touch(session)
    }

    /// The client takes more: the target gets credit for what has left.
    func resumeTargetStream(_ index: Int32) {
        let attempt = self.attempts[index]
        guard attempt.pointee.unconsumed > 0, attempt.pointee.stream > 0 else { return }
        self.withSession(attempt.pointee.link) { session in
            session.session.consume(Int(attempt.pointee.unconsumed), on: attempt.pointee.stream)
            attempt.pointee.unconsumed = 0
            self.touch(session)
        }
    }

    /// A connection that a session waits for is open; `false` when it is gone again.
    func targetSessionOpened(_ link: Int32) -> Bool {
        guard let session = self.session(link) else { return false }
        if self.io[link].pointee.isTLS, !self.io.speaksHTTP2(link) {
            self.targetSessionFailed(link, .handshake)
            return false
        }
        for index in session.users {
            self.setAttemptTimer(index)
            guard self.allowContinue(self.attempts[index].pointee.exchange) else { continue }
            self.lookAgain(self.attempts[index].pointee.exchange)
        }
        guard self.session(link) === session else { return false }
        self.runSession(session)
        return self.session(link) === session
    }

    /// The connection is of no use any more: every attempt on it fails.
    func targetSessionFailed(_ link: Int32, _ cause: ProxyFailure.Cause) {
        guard let session = self.session(link) else { return }
        self.retire(session)
        let wasOpen = self.io[link].pointee.phase == .open
        while let index = session.users.last {
            session.remove(index)
            let attempt = self.attempts[index]
            attempt.pointee.link = -1
            attempt.pointee.stream = 0
            // Frames of a connection that was never made have not left.
            if !wasOpen { attempt.pointee.flags.remove(.headSubmitted) }
            self.streamFailed(index, cause)
        }
        guard self.session(link) === session else { return }
        self.close(link)
    }

    private func retire(_ session: HTTP2Link) {
        guard session.isShared else { return }
        session.isShared = false
        self.pool.unshare(session.link, self.io[session.link].pointee.pool)
    }

    private func streamFailed(_ index: Int32, _ cause: ProxyFailure.Cause) {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.attemptFailed(index, cause)
        }
        self.cut(index, .cut)
    }

    func targetSessionWritten(_ link: Int32) {
        guard let session = self.session(link) else { return }
        self.timers.clear(.link, link)
        self.runSession(session)
    }

    /// Reads what a target sent to its session.
    func targetSessionReadable(_ link: Int32) {
        guard let session = self.session(link) else { return }
        var budget = Self.readBudget
        while self.io[link].pointee.isReadable {
            guard budget > 0 else { return self.postponeFar(link) }
            budget -= 1
            switch self.io.read(link, into: self.sessionInput, limit: 64 * 1_024) {
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(start: self.sessionInput, count: count)
                _ = session.session.receive(bytes, now: UInt64(max(0, self.milliseconds)))
                self.runSession(session)
                guard self.session(link) === session else { return }
            case .drained: return
            case .ended, .broken: return self.targetSessionFailed(link, .reset)
            }
        }
    }

    func handleTarget(_ event: HTTP2Event, of session: HTTP2Link) {
        if case .goaway = event.kind { return self.retire(session) }
        guard event.tag >= 0 else {
            if case .data(let bytes) = event.kind {
                session.session.consume(bytes.count, on: event.stream)
            }
            return
        }
        switch event.kind {
        case .head(let head): self.takeTargetHead(head, event.tag)
        case .data(let bytes): self.takeTargetBody(bytes, event, of: session)
        case .trailers(let lines):
            self.takeLoad(ofTrailers: lines, event.tag)
            self.attempts[event.tag].pointee.decoder.trailers.append(lines, from: &self.io.blocks)
        case .end: self.targetStreamEnded(event.tag)
        case .drained:
            self.setAttemptTimer(event.tag)
            self.lookAgain(self.attempts[event.tag].pointee.exchange)
        case .closed(let code, let byPeer):
            self.targetStreamClosed(event.tag, code, byPeer: byPeer, of: session)
        case .goaway, .settings, .settingsAcknowledged, .pong: break
        }
    }

    private func takeTargetHead(_ head: HTTP2Head, _ index: Int32) {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        let isHead = exchange.pointee.flags.contains(.isHead)
        guard head.fault == nil, case .complete = self.parseResponse(head.text, isHead: isHead)
        else { return self.attemptFailed(index, .malformed) }
        guard self.response.isInterim else {
            // A head that ends its stream is passed on as one (gRPC: Trailers-Only).
            if head.endsStream { self.attempts[index].pointee.flags.insert(.answerEnded) }
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            _ = self.beginResponse(index, from: head.text, rest: nothing)
            return
        }
        _ = self.passInterim(index, head.text)
    }

    private func takeTargetBody(
        _ bytes: UnsafeRawBufferPointer,
        _ event: HTTP2Event,
        of session: HTTP2Link
    ) {
        let index = event.tag
        self.attempts[index].pointee.unconsumed += Int32(truncatingIfNeeded: bytes.count)
        let goesOn = self.forward(index, head: 0, bytes)
        guard session.session.tag(of: event.stream) == index else {
            return session.session.consume(bytes.count, on: event.stream)
        }
        if goesOn { self.resumeTargetStream(index) }
    }

    private func targetStreamEnded(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        self.attempts[index].pointee.flags.insert(.answerEnded)
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.attemptFailed(index, .malformed)
        }
        self.endResponse(index)
    }

    private func targetStreamClosed(
        _ index: Int32,
        _ code: HTTP2ErrorCode,
        byPeer: Bool,
        of session: HTTP2Link
    ) {
        session.remove(index)
        let attempt = self.attempts[index]
        if code == .refusedStream { attempt.pointee.flags.insert(.wasDeclined) }
        attempt.pointee.link = -1
        attempt.pointee.stream = 0
        self.streamFailed(index, .reset)
    }
}
