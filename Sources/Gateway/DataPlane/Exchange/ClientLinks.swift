internal import CMeshSystem
internal import MeshHTTP

/// Links of clients: heads and bodies in, time limits, the way out.
extension Worker {
    /// Bytes of a partial head that may wait unread for the end of their line.
    private static let unreadLimit: Int32 = 1_024
    /// Bytes that a client must take of what waits for it within one limit, or bring of a body.
    static let progressByteCount = 1_024

    func clientEvent(_ index: Int32, _ event: Poller.Event) {
        let link = self.io[index]
        if event.hasFailed {
            // Where both sides have finished writing, this is an end like any other.
            guard link.pointee.hasFinishedWriting, link.pointee.phase == .open else {
                return self.close(index)
            }
            self.io.markReadable(index)
            return self.clientReadable(index)
        }
        if !link.pointee.flags.isDisjoint(with: [.expectsProxyHeader, .isStream]) {
            guard self.prepare(index) else { return }
        }
        if link.pointee.phase != .open {
            guard self.mayHandshake(index) else { return }
            switch self.io.open(index, event) {
            case .pending: return
            case .failed: return self.handshakeFailed(index)
            case .plainHTTP:
                self.counters.add(WorkerCounter.failedHandshakes)
                self.io.dropTLS(index)
                return self.refuse(
                    index,
                    status: 400,
                    message: "The plain HTTP request was sent to HTTPS port"
                )
            case .opened, .alreadyOpen:
                guard self.clientOpened(index) else { return }
            }
        }
        if event.isWritable, !link.pointee.isWritten {
            guard self.io.flush(index) else { return self.close(index) }
            guard self.clientWritten(index) else { return }
        }
        if event.isReadable { self.clientReadable(index) }
        if event.isPeerClosed { self.clientFinished(index) }
    }

    /// The client has finished writing while its whole request is being served: as nginx and Kong,
    /// that counts as leaving, unless half-closing clients are to be served.
    private func clientFinished(_ index: Int32) {
        let link = self.io[index]
        guard link.pointee.role == .client, link.pointee.owner >= 0, link.pointee.session == nil
        else { return }
        let place = link.pointee.owner
        let exchange = self.exchanges[place]
        if self.isSuspended(exchange), !self.readHeld(index, place) { return }
        guard exchange.pointee.flags.contains(.requestComplete),
            exchange.pointee.flags.isDisjoint(with: [.isRelay, .responseBegun]),
            exchange.pointee.begunAt != self.now || exchange.pointee.attemptAt < self.now,
            !self.settings.configuration.keepsHalfClosedClients
        else { return }
        self.close(index)
    }

    /// Keeps what a client that has finished writing sent of its body while nobody could take it;
    /// `false` when the link is gone, as the body will never be whole.
    private func readHeld(_ index: Int32, _ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        while !exchange.pointee.flags.contains(.requestComplete),
            exchange.pointee.held.count < Self.replayLimit
        {
            switch self.io.read(index, into: self.input, limit: 64 * 1_024) {
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(start: self.input, count: count)
                guard let plain = self.decodeRequest(place, bytes) else { return false }
                exchange.pointee.held.append(plain, from: &self.io.blocks)
            case .drained: return true
            case .ended, .broken:
                self.close(index)
                return false
            }
        }
        return true
    }

    /// After a flush: goes on with what waited for it; `false` when the link is gone.
    func clientWritten(_ index: Int32) -> Bool {
        let link = self.io[index]
        guard link.pointee.isWritten else { return true }
        if link.pointee.flags.contains(.closesWhenWritten) {
            self.leave(index)
            return false
        }
        if link.pointee.session != nil { return self.sessionWritten(index) }
        let place = link.pointee.owner
        guard place >= 0 else {
            self.settleOwed(index)
            self.patience(index, self.timeouts.idle)
            self.postpone(index)
            return true
        }
        self.setClientTimer(place)
        self.pumpSoon(place)
        let attempt = self.exchanges[place].pointee.attempt
        if attempt >= 0 {
            self.readHedge(place)
            self.setAttemptTimer(attempt)
            self.targetReadable(of: attempt)
        }
        return link.pointee.role == .client
    }

    /// Reads what the client sent, as far as it can be used now.
    func clientReadable(_ index: Int32) {
        let link = self.io[index]
        if link.pointee.session != nil { return self.sessionReadable(index) }
        var budget = Self.readBudget
        while link.pointee.role == .client, link.pointee.phase == .open {
            guard budget > 0 else { return self.postponeFar(index) }
            budget -= 1
            if link.pointee.owner >= 0 {
                guard self.readBody(index) else { return }
            } else if link.pointee.flags.contains(.closesWhenWritten) || !link.pointee.isWritten {
                return
            } else {
                guard self.readHead(index) else { return }
            }
        }
    }

    /// Tries to read one head and begins its exchange; `false` when nothing more can be done now.
    private func readHead(_ index: Int32) -> Bool {
        let link = self.io[index]
        let kept = link.pointee.input.count
        var total = kept
        if kept == 0 || link.pointee.flags.contains(.headIncomplete) {
            guard link.pointee.isReadable else { return false }
            switch self.io.read(index, into: self.input + kept, limit: Self.readLimit) {
            case .bytes(let count):
                let added = UnsafeRawBufferPointer(start: self.input + kept, count: count)
                guard kept == 0 || self.isWorthReading(link, added) else {
                    link.pointee.input.append(added, from: &self.io.blocks)
                    return link.pointee.isReadable
                }
                total += count
            case .drained: return false
            case .ended, .broken:
                self.close(index)
                return false
            }
        }
        if kept > 0 { _ = link.pointee.input.copy(to: self.input) }
        if link.pointee.requests == 0, self.mayBePreface(index, total) { return false }
        if kept == 0 || !link.pointee.flags.contains(.headIncomplete) {
            link.pointee.since = self.now
        }
        let bytes = UnsafeRawBufferPointer(start: self.input, count: total)
        switch self.reader.parse(bytes) {
        case .incomplete:
            if !link.pointee.flags.contains(.headIncomplete) {
                link.pointee.flags.insert(.headIncomplete)
                self.timers.set(.link, index, self.milliseconds + self.timeouts.head)
            }
            let added = UnsafeRawBufferPointer(rebasing: bytes[kept...])
            link.pointee.input.append(added, from: &self.io.blocks)
            link.pointee.unread = 0
            return link.pointee.isReadable
        case .invalid(let fault):
            link.pointee.input.clear(to: &self.io.blocks)
            self.refuse(index, fault)
            return false
        case .complete(let consumed):
            link.pointee.input.clear(to: &self.io.blocks)
            link.pointee.flags.remove(.headIncomplete)
            var scope = self.reader.scope(UnsafeRawBufferPointer(rebasing: bytes[..<consumed]))
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            self.serve(index, &scope, rest: rest)
            return true
        }
    }

    /// Whether the client speaks HTTP/2 by prior knowledge; its session has begun then, or the rest of
    /// its preface is waited for.
    private func mayBePreface(_ index: Int32, _ total: Int) -> Bool {
        let link = self.io[index]
        let bytes = UnsafeRawBufferPointer(start: self.input, count: total)
        guard !link.pointee.isTLS, Self.isPreface(bytes) else { return false }
        if total < Self.preface.utf8CodeUnitCount {
            link.pointee.input.clear(to: &self.io.blocks)
            link.pointee.input.append(bytes, from: &self.io.blocks)
            link.pointee.flags.insert(.headIncomplete)
            link.pointee.unread = Self.unreadLimit
            return true
        }
        link.pointee.input.clear(to: &self.io.blocks)
        link.pointee.flags.remove(.headIncomplete)
        self.sessionInput.copyMemory(from: self.input, byteCount: total)
        self.beginSession(
            index,
            UnsafeRawBufferPointer(start: self.sessionInput, count: total)
        )
        if self.io[index].pointee.session != nil { self.sessionReadable(index) }
        return true
    }

    /// Whether what was added to a partial head can make a difference to it: it ends a line, or has
    /// become long.
    ///
    /// A head is always read from its start, so a client that sends byte by byte must not have it
    /// read for every byte.
    private func isWorthReading(
        _ link: UnsafeMutablePointer<Link>,
        _ added: UnsafeRawBufferPointer
    ) -> Bool {
        link.pointee.unread += Int32(added.count)
        return link.pointee.unread >= Self.unreadLimit
            || mesh_find_byte(added.baseAddress, 0, added.count, 0x0A) < added.count
    }

    /// Reads more of the request's body if the target can take it; `false` when that must wait.
    private func readBody(_ index: Int32) -> Bool {
        let link = self.io[index]
        let place = link.pointee.owner
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.requestComplete), link.pointee.isReadable,
            self.takesBody(exchange)
        else { return false }
        if link.pointee.flags.contains(.isBulk), let goesOn = self.passToTarget(index, place) {
            return goesOn
        }
        switch self.io.read(index, into: self.input, limit: 64 * 1_024) {
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(start: self.input, count: count)
            if count >= Self.bulkByteCount { link.pointee.flags.insert(.isBulk) }
            guard let plain = self.decodeRequest(place, bytes) else { return true }
            self.continueRequest(place, plain)
            return true
        case .drained: return false
        case .ended where exchange.pointee.flags.contains(.isRelay):
            self.relayClientEnded(place)
            return false
        case .ended, .broken:
            self.close(index)
            return false
        }
    }

    /// Whether somebody takes more of the request's body now.
    private func takesBody(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        if exchange.pointee.flags.contains(.isBuffering) { return true }
        let index = exchange.pointee.attempt
        guard index >= 0, !exchange.pointee.flags.contains(.requestSpilled) else { return false }
        return self.attempts[index].pointee.flags.contains(.discardsRequest)
            || self.targetTakesMore(index)
    }

    /// Throws away what an answered client still sends, until it ends or its time is up.
    func linger(_ index: Int32) {
        var budget = Self.readBudget
        while self.io[index].pointee.isReadable {
            guard budget > 0 else { return self.postponeFar(index) }
            budget -= 1
            switch self.io.read(index, into: self.input, limit: 64 * 1_024) {
            case .bytes: continue
            case .drained: return
            case .ended, .broken: return self.close(index)
            }
        }
    }

    /// Ends a link whose last answer is written, or will be.
    func leave(_ index: Int32) {
        let link = self.io[index]
        guard link.pointee.isWritten else {
            link.pointee.flags.insert(.closesWhenWritten)
            self.noteOwed(index)
            return self.patience(index, self.timeouts.writeStall)
        }
        if link.pointee.flags.contains(.resetsWhenWritten) { return self.reset(index) }
        let mustLinger =
            link.pointee.flags.contains(.lingersWhenWritten) || link.pointee.isReadable
        guard mustLinger, !link.pointee.hasPeerClosed, self.io.finishWriting(index) else {
            return self.close(index)
        }
        // Closing now would reset the connection and might take our answer with it.
        self.settleOwed(index)
        link.pointee.role = .lingering
        link.pointee.input.clear(to: &self.io.blocks)
        self.timers.set(.link, index, self.milliseconds + self.timeouts.linger)
        self.linger(index)
    }

    /// Closes a client so that it cannot take a cut answer for a whole one.
    func reset(_ index: Int32) {
        self.io.resetOnClose(index)
        self.close(index)
    }

    func clientTimedOut(_ index: Int32) {
        let link = self.io[index]
        if !link.pointee.isWritten {
            // A client that takes next to nothing is as good as one that takes nothing.
            guard self.io.takenSince(index) >= Self.progressByteCount else {
                return self.reset(index)
            }
            return self.patience(index, self.timeouts.writeStall)
        }
        if link.pointee.phase != .open { return self.handshakeFailed(index) }
        let place = link.pointee.owner
        guard place >= 0, link.pointee.session == nil else { return self.idleTooLong(index) }
        self.bodyTimedOut(place)
    }

    private func idleTooLong(_ index: Int32) {
        let link = self.io[index]
        if link.pointee.session != nil { return self.sessionIdle(index) }
        guard link.pointee.flags.isDisjoint(with: [.isStream, .expectsProxyHeader]) else {
            return self.close(index)
        }
        guard !link.pointee.flags.contains(.headIncomplete) else {
            self.countRequest(.clientTimeout)
            return self.refuse(index, status: 408)
        }
        // A request may have come this very moment.
        if link.pointee.isReadable { self.clientReadable(index) }
        guard link.pointee.role == .client, link.pointee.owner < 0, link.pointee.isWritten,
            link.pointee.input.isEmpty
        else { return }
        self.close(index)
    }

    /// A request's body is late.
    func bodyTimedOut(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.isDisjoint(with: [.requestComplete, .isRelay]) else { return }
        if self.isHeldByTarget(exchange) || exchange.pointee.progress >= Self.progressByteCount {
            return self.setClientTimer(place)
        }
        exchange.pointee.failure = ProxyFailure(cause: .clientTimeout)
        if exchange.pointee.flags.contains(.responseBegun) {
            exchange.pointee.flags.insert(.isCut)
            return self.finish(place)
        }
        self.answer(place, status: 408)
    }

    /// Whether the request's body is held back by the target rather than by the client.
    private func isHeldByTarget(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        !self.takesBody(exchange)
    }

    /// Sets the client's time limit by what the exchange waits for.
    @inline(__always)
    func setClientTimer(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else { return self.setStreamTimer(place) }
        let client = exchange.pointee.client
        if !self.io[client].pointee.isWritten {
            self.patience(client, self.timeouts.writeStall)
        } else if exchange.pointee.flags.isDisjoint(with: [.requestComplete, .isRelay]) {
            exchange.pointee.progress = 0
            self.timers.set(.link, client, self.milliseconds + self.timeouts.bodyProgress)
        } else {
            self.timers.clear(.link, client)
        }
    }

    /// Gives a client so many milliseconds from now.
    @inline(__always)
    func patience(_ client: Int32, _ limit: Int64) {
        self.io.forgetTaken(client)
        self.timers.set(.link, client, self.milliseconds + limit)
    }

    /// A client's last answer waits to be written: draining waits for it.
    func noteOwed(_ index: Int32) {
        let link = self.io[index]
        guard !link.pointee.flags.contains(.owesOutput) else { return }
        link.pointee.flags.insert(.owesOutput)
        self.counters.add(WorkerCounter.unwrittenAnswers)
    }

    func settleOwed(_ index: Int32) {
        let link = self.io[index]
        guard link.pointee.flags.contains(.owesOutput) else { return }
        link.pointee.flags.remove(.owesOutput)
        self.counters.subtract(WorkerCounter.unwrittenAnswers)
    }

    /// Closes a link of any role; its exchange or attempt has ended before, unless it is a client's.
    func close(_ index: Int32) {
        let link = self.io[index]
        switch link.pointee.role {
        case .free: return
        case .client, .lingering:
            if link.pointee.session != nil {
                self.endSession(index)
            } else if link.pointee.owner >= 0 {
                self.abandon(link.pointee.owner)
            }
            self.settleOwed(index)
            self.clientCount -= 1
            self.clientsByAddress.forget(link.pointee.address)
            self.counters.subtract(WorkerCounter.activeConnections)
        case .idleTarget: self.pool.remove(index, &self.io)
        case .target:
            if let session = self.session(index) {
                if session.isShared { self.pool.unshare(index, link.pointee.pool) }
                self.endSession(index)
            }
        }
        if link.pointee.pool >= 0 { self.pool.leave(link.pointee.pool) }
        if !self.proxied.isEmpty { self.proxied[index] = nil }
        self.timers.clear(.link, index)
        self.io.close(index)
    }
}
