internal import CMeshSystem
internal import MeshHTTP

/// Links to targets: kept ones, new ones, their events and time limits.
extension Worker {
    /// Gives the attempt a connection, kept or just begun; the cause when none can be begun.
    func acquireLink(_ index: Int32) -> ProxyFailure.Cause? {
        let attempt = self.attempts[index]
        let exchange = self.exchanges[attempt.pointee.exchange]
        let wantsFresh = exchange.pointee.flags.contains(.wantsFreshLink)
        let pool = self.poolPlace(of: exchange, target: attempt.pointee.target)
        guard !self.pool.speaksHTTP2(pool) else { return self.acquireStream(index, pool) }
        exchange.pointee.flags.remove(.wantsFreshLink)
        if !wantsFresh, case let kept = self.pool.take(pool, &self.io), kept >= 0 {
            self.io[kept].pointee.requests &+= 1
            self.io.forgetSent(kept)
            attempt.pointee.flags.insert(.wasReused)
            self.attach(kept, to: index)
            return nil
        }
        return self.openLink(index, pool)
    }

    /// The pool of a target's connections for an exchange: where the client's `Host` goes on over
    /// TLS, it is the server name, too, as in Kong.
    func poolPlace(of exchange: UnsafeMutablePointer<Exchange>, target: Int32) -> Int32 {
        let view = exchange.pointee.view
        let place = view.pointee.pool(
            RouteIndex(rawValue: exchange.pointee.route),
            TargetIndex(rawValue: target)
        )
        guard let route = self.routePlan(exchange), route.pointee.preserveHost,
            self.pool.speaksTLS(place), let key = self.pool.key(of: place),
            let host = self.clientHost(exchange), let other = key.named(host)
        else { return place }
        return self.pool.borrow(other)
    }

    /// Begins a connection for an attempt.
    func openLink(_ index: Int32, _ pool: Int32) -> ProxyFailure.Cause? {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        self.pool.join(pool)
        guard let target = self.targetPlan(exchange) else {
            self.pool.leave(pool)
            return .noTarget
        }
        let link = self.io.connect(target.pointee.address)
        guard link >= 0 else {
            self.pool.leave(pool)
            return ProxyFailure.Cause(connectError: -link)
        }
        self.io[link].pointee.pool = pool
        self.greet(link, exchange)
        self.io[link].pointee.requests = 1
        self.counters.add(WorkerCounter.upstreamConnections)
        guard !self.pool.speaksTLS(pool) || self.secure(link, exchange) else {
            self.close(link)
            return .exhausted
        }
        self.attach(link, to: index)
        return nil
    }

    /// Makes a new link a TLS one, as the exchange's service says.
    private func secure(_ link: Int32, _ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let view = exchange.pointee.view
        guard let route = self.routePlan(exchange), let upstream = self.upstreamIndex(exchange),
            let name = self.pool.key(of: self.io[link].pointee.pool)?.tls?.serverName
        else { return false }
        let context = view.pointee.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef { live in
            let identity = live.shape.identities[Int(route.pointee.identity)]
            return view.pointee.installation._withUnsafeGuaranteedRef { $0.tls.target(identity) }
        }
        guard let context else { return false }
        var text = name
        let isStarted = text.withUTF8 { bytes in
            self.io.startTLS(link, as: context, serverName: UnsafeRawBufferPointer(bytes))
        }
        if isStarted, let resumption = self.pool.takeResumption(self.io[link].pointee.pool) {
            self.io.resume(link, with: resumption)
        }
        return isStarted
    }

    /// Keeps what the next handshake with the same target can be shortened by.
    @inline(__always)
    private func keepResumption(_ link: Int32) {
        let pool = self.io[link].pointee.pool
        guard pool >= 0, self.pool.wantsResumption(pool),
            let resumption = self.io.takeResumption(link)
        else { return }
        self.pool.keep(resumption, pool)
    }

    @inline(__always)
    private func attach(_ link: Int32, to index: Int32) {
        self.io[link].pointee.owner = index
        self.attempts[index].pointee.link = link
    }

    /// Parts the exchange from its attempt, whose connection is kept for another request if it can
    /// be.
    func releaseAttempt(_ index: Int32) {
        let attempt = self.attempts[index].pointee
        let exchange = self.exchanges[attempt.exchange]
        if attempt.link >= 0, attempt.stream == 0 {
            let link = self.io[attempt.link]
            link.pointee.owner = -1
            let isReusable =
                attempt.flags.contains([.keepsLink, .requestSent])
                && !attempt.flags.contains(.discardsRequest)
                && exchange.pointee.flags.contains(.requestComplete)
                && link.pointee.phase == .open && link.pointee.isWritten
                && link.pointee.input.isEmpty && !link.pointee.isReadable
                && !link.pointee.hasPeerClosed
            self.keepResumption(attempt.link)
            if isReusable, self.pool.put(attempt.link, &self.io) {
                let limit = self.pool.idleMilliseconds
                if limit > 0 { self.timers.set(.link, attempt.link, self.milliseconds + limit) }
            } else {
                self.close(attempt.link)
            }
        } else if attempt.stream != 0 {
            self.releaseTargetStream(index)
        }
        self.settle(index)
    }

    /// Closes an attempt's connection.
    func dropLink(_ index: Int32) {
        let attempt = self.attempts[index].pointee
        if attempt.stream != 0 { return self.releaseTargetStream(index) }
        guard attempt.link >= 0 else { return }
        self.attempts[index].pointee.link = -1
        self.io[attempt.link].pointee.owner = -1
        self.close(attempt.link)
    }

    /// Frees an attempt, whose connection is released or closed, and takes it out of its target's
    /// count of requests in flight.
    func settle(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        self.settleTarget(index)
        self.timers.clear(.attempt, index)
        self.attempts[index].pointee.decoder.trailers.clear(to: &self.io.blocks)
        if exchange.pointee.attempt == index {
            exchange.pointee.attempt = exchange.pointee.hedge
            exchange.pointee.hedge = -1
        } else if exchange.pointee.hedge == index {
            exchange.pointee.hedge = -1
        }
        self.attempts.giveBack(index)
    }

    /// A kept connection speaks unasked or ends: it is of no more use.
    func idleEvent(_ index: Int32) {
        guard self.io[index].pointee.isReadable else { return }
        // An event of data that was read since finds nothing; then the connection is sound.
        if case .drained = self.io.read(index, into: self.input, limit: 1) { return }
        self.close(index)
    }

    func targetEvent(_ index: Int32, _ event: Poller.Event) {
        let link = self.io[index]
        if link.pointee.phase != .open {
            switch self.io.open(index, event) {
            case .pending: return
            case .failed(let cause): return self.targetFailed(index, cause)
            case .plainHTTP: return self.targetFailed(index, .handshake)
            case .opened, .alreadyOpen:
                guard self.targetOpened(index) else { return }
            }
        }
        if event.isWritable, !link.pointee.isWritten {
            guard self.io.flush(index) else { return self.targetFailed(index, .reset) }
            self.targetWritten(index)
        }
        guard event.isReadable || event.hasFailed || link.pointee.isReadable,
            link.pointee.role == .target
        else { return }
        if event.hasFailed { self.io.markReadable(index) }
        self.targetReadable(index)
    }

    /// A connection can be used from now on; `false` when it is gone again.
    private func targetOpened(_ index: Int32) -> Bool {
        if self.io[index].pointee.session != nil {
            return self.targetSessionOpened(index)
        }
        let attempt = self.io[index].pointee.owner
        guard attempt >= 0 else {
            self.close(index)
            return false
        }
        guard self.io.flush(index) else {
            self.attemptFailed(attempt, .reset)
            return false
        }
        let place = self.attempts[attempt].pointee.exchange
        guard self.allowContinue(place) else { return false }
        if self.exchanges[place].pointee.flags.contains(.isStream) { self.streamOpened(attempt) }
        self.targetWritten(index)
        return self.io[index].pointee.role == .target
    }

    /// The connection is broken before or while it was written to; the target may have answered
    /// before it stopped reading.
    private func targetFailed(_ index: Int32, _ cause: ProxyFailure.Cause) {
        let link = self.io[index]
        if link.pointee.session != nil { return self.targetSessionFailed(index, cause) }
        guard link.pointee.owner >= 0 else { return self.close(index) }
        guard link.pointee.phase == .open else {
            return self.attemptFailed(link.pointee.owner, cause)
        }
        self.sendFailed(link.pointee.owner)
    }

    /// After a flush: goes on reading the request's body if that waited.
    private func targetWritten(_ index: Int32) {
        let link = self.io[index]
        if link.pointee.session != nil { return self.targetSessionWritten(index) }
        let attempt = link.pointee.owner
        guard attempt >= 0 else { return }
        self.setAttemptTimer(attempt)
        guard link.pointee.isWritten else { return }
        let place = self.attempts[attempt].pointee.exchange
        if self.exchanges[place].pointee.flags.contains(.isRelay) { self.relayWritten(place) }
        guard self.io[index].pointee.owner == attempt else { return }
        self.setClientTimer(place)
        let flags = self.exchanges[place].pointee.flags
        if !flags.contains(.requestComplete) || flags.contains(.requestSpilled) {
            self.lookAgain(place)
        }
    }

    /// The target takes no more bytes; it may have answered before it stopped.
    func sendFailed(_ index: Int32) {
        let link = self.attempts[index].pointee.link
        guard link >= 0, self.attempts[index].pointee.stream == 0 else {
            return self.attemptFailed(index, .reset)
        }
        self.attempts[index].pointee.flags.insert(.discardsRequest)
        self.io.dropOutput(link)
        self.io.markReadable(link)
        self.targetReadable(link)
    }

    /// Reads on for an attempt whose client takes more again.
    func targetReadable(of attempt: Int32) {
        guard self.attempts[attempt].pointee.stream == 0 else {
            return self.resumeTargetStream(attempt)
        }
        let link = self.attempts[attempt].pointee.link
        if link >= 0, self.io[link].pointee.phase == .open { self.targetReadable(link) }
    }

    /// Reads what the target sent, as far as the client can take it.
    func targetReadable(_ index: Int32) {
        let link = self.io[index]
        if link.pointee.session != nil { return self.targetSessionReadable(index) }
        var budget = Self.readBudget
        while link.pointee.role == .target, link.pointee.isReadable {
            let attempt = link.pointee.owner
            guard attempt >= 0 else { return self.close(index) }
            guard self.clientTakesMore(self.attempts[attempt].pointee.exchange) else {
                // The client is the slower side: its own time limit counts now.
                return self.clearAttemptTimer(attempt)
            }
            guard budget > 0 else { return self.postponeFar(index) }
            budget -= 1
            if link.pointee.flags.contains(.isBulk),
                let goesOn = self.passToClient(index, attempt)
            {
                guard goesOn else { return }
                continue
            }
            let kept = link.pointee.input.copy(to: self.input)
            switch self.io.read(index, into: self.input + kept, limit: Self.readLimit) {
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(start: self.input, count: kept + count)
                if count >= Self.bulkByteCount { link.pointee.flags.insert(.isBulk) }
                guard self.takeResponse(attempt, bytes, kept: kept) else { return }
            case .drained: return
            case .ended: return self.targetEnded(attempt)
            case .broken: return self.targetBroken(attempt)
            }
        }
    }

    func targetEnded(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.isRelay) { return self.relayTargetEnded(place) }
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.attemptFailed(index, .reset)
        }
        guard self.attempts[index].pointee.decoder.endsByClose else {
            return self.cut(index, .cut)
        }
        self.attempts[index].pointee.flags.remove(.keepsLink)
        self.endResponse(index)
    }

    /// The response ended without a last piece of its own.
    func endResponse(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        var plain = UnsafeRawBufferPointer(start: nil, count: 0)
        if self.exchanges[place].pointee.filters != nil {
            guard let changed = self.filterResponseBody(index, plain, isLast: true) else { return }
            plain = changed
        }
        guard self.deliver(place, head: 0, plain, isLast: true) else {
            return self.closeClient(place)
        }
        self.finish(place)
    }

    func targetBroken(_ index: Int32) {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.attemptFailed(index, .reset)
        }
        self.cut(index, .cut)
    }

    /// Sets the attempt's time limit by what it waits for: Kong's three timeouts.
    @inline(__always)
    func setAttemptTimer(_ index: Int32) {
        let attempt = self.attempts[index].pointee
        let exchange = self.exchanges[attempt.exchange]
        guard attempt.link >= 0, let route = self.routePlan(exchange) else { return }
        let link = self.io[attempt.link]
        if link.pointee.phase != .open {
            let timeout = self.limit(route.pointee.connectTimeout, of: attempt)
            let limit = timeout * 1_000_000 + attempt.begunAt
            self.timers.set(.attempt, index, self.deadline(limit / 1_000_000, route, of: attempt))
        } else if case let waiting = self.waitingByteCount(attempt), waiting > 0 {
            // Few bytes more taken are no reason for more patience; see attemptTimedOut(_:).
            guard attempt.waiting == 0 else { return }
            self.attempts[index].pointee.waiting = Int32(clamping: waiting)
            let limit = self.milliseconds + route.pointee.writeTimeout
            self.timers.set(.attempt, index, self.deadline(limit, route, of: attempt))
            return
        } else if exchange.pointee.flags.isDisjoint(with: [.requestComplete, .responseBegun]) {
            // The client still owes its body; its own time limit counts.
            self.timers.clear(.attempt, index)
        } else {
            let isAnswering = exchange.pointee.flags.contains(.responseBegun)
            let timeout = route.pointee.readTimeout
            guard !isAnswering else {
                self.timers.set(.attempt, index, self.milliseconds + timeout)
                self.attempts[index].pointee.waiting = 0
                return
            }
            // That another target was asked gives the first one no more time.
            let isHedged = attempt.flags.contains(.isHedged)
            let start = isHedged ? attempt.begunAt / 1_000_000 : self.milliseconds
            var limit = start + self.limit(timeout, of: attempt)
            if route.pointee.hedges { limit = min(limit, self.hedgeTime(attempt)) }
            self.timers.set(.attempt, index, self.deadline(limit, route, of: attempt))
        }
        self.attempts[index].pointee.waiting = 0
    }

    /// A time limit in milliseconds; one request on trial shall not wait as long as others may.
    @inline(__always)
    private func limit(_ timeout: Int64, of attempt: Attempt) -> Int64 {
        attempt.patience > 0 ? min(timeout, Int64(attempt.patience)) : timeout
    }

    /// A deadline in milliseconds, or the earlier one by which the route wants one try to be over.
    ///
    /// With the whole request at hand a try is as old as it is; else the client's slowness is not the
    /// target's, and the time counts anew with every part of the request.
    @inline(__always)
    private func deadline(
        _ deadline: Int64,
        _ route: UnsafePointer<RoutePlan>,
        of attempt: Attempt
    ) -> Int64 {
        guard route.pointee.tryTimeout > 0 else { return deadline }
        let isWhole = route.pointee.buffersRequest || attempt.flags.contains(.isHedged)
        let begin = isWhole ? attempt.begunAt / 1_000_000 : self.milliseconds
        return min(deadline, begin + route.pointee.tryTimeout)
    }

    private func clearAttemptTimer(_ index: Int32) {
        self.timers.clear(.attempt, index)
        self.attempts[index].pointee.waiting = 0
    }

    /// Bytes of the request that wait for the target to take them; what waits at a link of many
    /// streams has a time limit of the link's.
    private func waitingByteCount(_ attempt: Attempt) -> Int {
        guard let session = self.session(attempt.link) else {
            return self.io[attempt.link].pointee.waitingByteCount
        }
        return attempt.stream > 0 ? session.session.waiting(on: attempt.stream) : 0
    }

    /// Whether a target that is out of time has taken enough since to be given more.
    private func takesSome(_ index: Int32) -> Bool {
        let attempt = self.attempts[index].pointee
        guard attempt.waiting > 0 else { return false }
        let taken = Int(attempt.waiting) - self.waitingByteCount(attempt)
        guard taken >= Self.progressByteCount else { return false }
        self.attempts[index].pointee.waiting = 0
        self.setAttemptTimer(index)
        return true
    }

    func attemptTimedOut(_ index: Int32) {
        let attempt = self.attempts[index].pointee
        let exchange = self.exchanges[attempt.exchange]
        let flags = exchange.pointee.flags
        let isOpen = attempt.link >= 0 && self.io[attempt.link].pointee.phase == .open
        let isWritten = isOpen && self.waitingByteCount(attempt) == 0
        guard !isOpen || !self.takesSome(index) else { return }
        if self.routePlan(exchange)?.pointee.hedges == true, self.hedge(index) { return }
        guard !flags.contains([.isRelay, .responseBegun]) else {
            return self.endRelay(attempt.exchange)
        }
        let cause: ProxyFailure.Cause =
            !isOpen ? .connectTimeout : isWritten ? .readTimeout : .writeTimeout
        guard flags.contains(.responseBegun) else { return self.attemptFailed(index, cause) }
        self.cut(index, cause)
    }
}
