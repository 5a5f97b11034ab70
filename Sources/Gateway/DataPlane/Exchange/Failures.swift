internal import MeshBalancing
internal import MeshHTTP
internal import MeshPlugins

/// What goes wrong: attempts that fail, responses that are cut, answers of the gateway's own.
extension Worker {
    /// Milliseconds that this worker's own evidence excludes a target when no verdict comes.
    private static let exclusion: Int64 = 1_000

    /// The attempt brought no response: tries again where that is allowed, or answers.
    func attemptFailed(_ index: Int32, _ cause: ProxyFailure.Cause) {
        guard !self.leavesOther(index, cause) else { return }
        let attempt = self.attempts[index].pointee
        let place = attempt.exchange
        let exchange = self.exchanges[place]
        exchange.pointee.failure = ProxyFailure(cause: cause)
        let policy = self.policy(index, cause)
        let decision = policy.decision
        if decision == .giveUp, !policy.hasBudget {
            self.counters.add(WorkerCounter.deniedRetries)
        }
        if decision != .sameTarget { self.countAttempt(cause) }
        // A relay whose target is gone is over.
        guard !exchange.pointee.flags.contains([.isRelay, .responseBegun]) else {
            return self.endRelay(place)
        }
        if decision == .sameTarget { return self.repeatOnFreshLink(index) }
        self.observeFailure(exchange, exchange.pointee.failure)
        self.endAttempt(index)
        let isStream = exchange.pointee.flags.contains(.isStream)
        guard decision == .otherTarget else {
            return isStream ? self.closeStream(place) : self.answerFailure(place)
        }
        self.counters.add(WorkerCounter.retries)
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
            $0.retries.countRetry(at: self.milliseconds)
        }
        if isStream { return self.dispatchStream(place) }
        let scope = self.reader.load(exchange.pointee.head)
        self.dispatch(place, scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    func policy(_ index: Int32, _ cause: ProxyFailure.Cause) -> AttemptPolicy {
        let attempt = self.attempts[index].pointee
        let exchange = self.exchanges[attempt.exchange]
        let flags = exchange.pointee.flags
        let hasAnswerBytes =
            attempt.interims > 0
            || (attempt.link >= 0 && attempt.stream == 0
                && !self.io[attempt.link].pointee.input.isEmpty)
        return AttemptPolicy(
            failure: cause,
            attempts: exchange.pointee.attempts,
            retries: self.routePlan(exchange)?.pointee.retries ?? 0,
            wasReused: attempt.flags.contains(.wasReused),
            hasSent: self.hasSent(exchange),
            wasDeclined: attempt.flags.contains(.wasDeclined),
            hasAnswerBytes: hasAnswerBytes,
            isIdempotent: flags.contains(.idempotent),
            // Nothing of a stream has left before its target is connected.
            isKept: self.isRepeatable(exchange) || flags.contains(.isStream),
            hasOthers: !exchange.pointee.tried.isFull,
            hasBudget: self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
                $0.retries.hasRetry(at: self.milliseconds)
            } ?? true,
            causes: self.routePlan(exchange)?.pointee.retryCauses ?? []
        )
    }

    /// Whether the answer at hand is one for which the route tries another target, and one gets the
    /// request, so that the client need not know.
    @inline(__always)
    func refusesAnswer(_ index: Int32) -> Bool {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard let causes = self.routePlan(exchange)?.pointee.retryCauses, causes.hasAnswers
        else { return false }
        return self.refusesAnswer(index, exchange, causes)
    }

    private func refusesAnswer(
        _ index: Int32,
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ causes: RetryCauses
    ) -> Bool {
        let status = self.response.status
        guard case let cause = RetryCauses.answer(status), !cause.isEmpty,
            causes.contains(cause), !exchange.pointee.flags.contains(.isRelay),
            self.hasUntried(exchange), self.policy(index, .refusedStatus).decision == .otherTarget
        else { return false }
        exchange.pointee.status = status
        self.observeAnswer(exchange, status: status)
        self.attemptFailed(index, .refusedStatus)
        return true
    }

    /// Whether some target that is in use was not tried yet.
    func hasUntried(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef { live in
            (0..<live.shape.upstream.targets.count).contains { index in
                live.balancer.takesPin(index, tried: exchange.pointee.tried)
                    && live.balancer.factor(at: index) > 0
            }
        } ?? false
    }

    /// The upstream that the exchange's route leads to, as this worker lives it.
    func liveUpstream(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> Unmanaged<LiveUpstream>? {
        guard let upstream = self.upstreamIndex(exchange) else { return nil }
        return exchange.pointee.view.pointee.live[Int(upstream.rawValue)]
    }

    /// Whether any byte of the request has left for a target.
    func hasSent(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let index = exchange.pointee.attempt
        guard index >= 0 else { return false }
        let attempt = self.attempts[index].pointee
        if attempt.flags.contains(.headSubmitted) { return true }
        guard attempt.link >= 0, attempt.stream == 0 else { return false }
        return self.io[attempt.link].pointee.hasSent
    }

    /// A kept connection had died unnoticed: that says nothing about the target.
    private func repeatOnFreshLink(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        let target = TargetIndex(rawValue: exchange.pointee.target)
        guard let upstream = self.upstreamIndex(exchange) else { return }
        self.dropLink(index)
        let isCounted = self.attempts[index].pointee.flags.contains(.isCounted)
        let patience = self.attempts[index].pointee.patience
        self.endAwaiting(index)
        self.attempts.giveBack(index)
        exchange.pointee.attempts -= 1
        let again = self.beginAttempt(place, target: target)
        if patience > 0 { self.moveTrial(from: index, to: again, patience: patience) }
        guard again >= 0 else { return }
        if isCounted { self.attempts[again].pointee.flags.insert(.isCounted) }
        exchange.pointee.flags.insert(.wantsFreshLink)
        let state = exchange.pointee.view.pointee.state(upstream, target)
        let scope = self.reader.load(exchange.pointee.head)
        self.connect(
            again,
            state,
            scope,
            body: UnsafeRawBufferPointer(start: nil, count: 0)
        )
    }

    /// Ends an attempt that brought nothing: its connection is closed, its target no longer busy.
    func endAttempt(_ index: Int32) {
        self.dropLink(index)
        self.settle(index)
    }

    /// The response stopped before its end: what came of it goes to the client, which is then told
    /// by the end of the connection or stream that the rest is missing.
    func cut(_ index: Int32, _ cause: ProxyFailure.Cause) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        exchange.pointee.failure = ProxyFailure(cause: cause)
        exchange.pointee.flags.insert(.isCut)
        exchange.pointee.flags.remove(.keepsClient)
        self.countAttempt(cause)
        self.observeFailure(exchange, exchange.pointee.failure)
        self.attempts[index].pointee.flags.remove(.keepsLink)
        self.finish(place)
    }

    /// Kong's answer to the last attempt's failure.
    private func answerFailure(_ place: Int32) {
        self.answer(place, status: self.failureStatus(self.exchanges[place]))
    }

    /// The status of the last failure; what a target itself has said stays what it was.
    private func failureStatus(_ exchange: UnsafeMutablePointer<Exchange>) -> UInt16 {
        exchange.pointee.failure.cause == .refusedStatus
            ? exchange.pointee.status : exchange.pointee.failure.status
    }

    /// Every target was tried, or there is none, or none has room.
    func answerNoTarget(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        _ choice: TargetIndex
    ) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.failure == .none else {
            return self.answer(place, scope, status: self.failureStatus(exchange))
        }
        guard Int(choice.rawValue) != Balancer.full else { return self.shed(place, scope) }
        exchange.pointee.failure = ProxyFailure(cause: .noTarget)
        self.answer(
            place,
            scope,
            status: 503,
            message: "failure to get a peer from the ring-balancer"
        )
    }

    /// Answers in place of a target and ends the exchange; lays the head out again.
    func answer(_ place: Int32, status: UInt16, message: StaticString? = nil) {
        let scope = self.reader.load(self.exchanges[place].pointee.head)
        self.answer(place, scope, status: status, message: message)
    }

    /// Answers in place of a target and ends the exchange.
    func answer(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        status: UInt16,
        message: StaticString? = nil,
        plugin: PluginAnswer? = nil,
        lines: UnsafeRawBufferPointer? = nil,
        hasBody: Bool = true
    ) {
        let exchange = self.exchanges[place]
        if status < 300, exchange.pointee.flags.contains(.isExtendedConnect) {
            // RFC 8441 section 5: any 2xx would tell the client that its WebSocket is open.
            return self.answer(place, scope, status: 501, message: "No WebSocket is served here")
        }
        while exchange.pointee.attempt >= 0 { self.endAttempt(exchange.pointee.attempt) }
        exchange.pointee.status = status
        exchange.pointee.answeredAt = 0
        if !exchange.pointee.flags.contains(.requestComplete) || self.closesClients
            || status == 400 || status == 408
        {
            exchange.pointee.flags.remove(.keepsClient)
        }
        var context = self.context(exchange)
        context.format = self.format(
            exchange,
            scope,
            by: message != nil || plugin != nil ? .gateway : .server
        )
        var writer = self.writer.headWriter()
        if exchange.pointee.filters != nil {
            var edits = self.filterLines(exchange)
            plugin?.lines.withUnsafeBytes { edits.lines.write($0) }
            if edits.overflowed { exchange.pointee.failure = ProxyFailure(cause: .exhausted) }
            context.additionalFields = edits.added
        }
        if let lines { context.additionalFields = lines }
        if !hasBody {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            let fields = context.additionalFields
            context.additionalFields = nothing
            context.format = .plain
            GeneratedResponse.write(
                status: status,
                contentType: nothing,
                fields: fields,
                body: nothing,
                context: context,
                into: &writer
            )
        } else if let plugin {
            let fields = context.additionalFields
            context.additionalFields = UnsafeRawBufferPointer(start: nil, count: 0)
            plugin.write(context: context, fields: fields, into: &writer)
        } else {
            GeneratedResponse.write(
                status: status,
                message: message,
                context: context,
                into: &writer
            )
        }
        if exchange.pointee.filters != nil, let written = writer.written {
            self.noteResponse(exchange, written)
        }
        if let written = writer.written, !self.sendGenerated(place, written.count) {
            return self.closeClient(place)
        }
        self.finish(place)
    }

    /// The form of an error's body.
    private func format(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope,
        by origin: ErrorFormat.Origin
    ) -> ErrorFormat {
        let flags = exchange.pointee.flags
        let format = ErrorFormat.negotiated(
            by: origin,
            scope.head,
            scope.fields,
            from: scope.bytes,
            version: flags.contains(.isHTTP2) ? .http2 : scope.head.version,
            fallback: self.settings.configuration.errorDefaultFormat
        )
        // Errors of gRPC have the status 200, which would say that a WebSocket is open.
        return format == .grpc && flags.contains(.isExtendedConnect) ? .json : format
    }

    private func context(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> GeneratedResponse.Context {
        var context = GeneratedResponse.Context(
            keepsClient: exchange.pointee.flags.contains(.keepsClient),
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
        context.date = self.date
        context.tokens = self.settings.configuration.responseTokens
        context.templates = self.settings.configuration.errorTemplates
        context.isHead = exchange.pointee.flags.contains(.isHead)
        context.milliseconds = UInt64(max(0, self.now - exchange.pointee.begunAt) / 1_000_000)
        if exchange.pointee.attempts > 0 {
            let waited = max(0, self.now - exchange.pointee.attemptAt)
            context.upstreamMilliseconds = UInt64(waited / 1_000_000)
        }
        return context
    }

    /// Answers bytes that are no request, and closes.
    func refuse(_ client: Int32, _ fault: HTTPFault) {
        self.counters.add(WorkerCounter.malformed)
        self.countRequest(.clientMalformed)
        self.refuse(client, status: fault.status, message: fault.message)
    }

    /// Answers an HTTP/1 client that has no exchange, and closes.
    func refuse(_ client: Int32, status: UInt16, message: StaticString? = nil) {
        let count = self.writeRefusal(status: status, message: message)
        _ = self.io.write(client, self.writer.head(count))
        self.io[client].pointee.flags.insert(.lingersWhenWritten)
        self.leave(client)
    }

    /// Writes the answer to something that is no request; its length.
    func writeRefusal(status: UInt16, message: StaticString?) -> Int {
        let id = self.makeRequestID()
        return withUnsafeBytes(of: id) { text in
            var context = GeneratedResponse.Context(
                format: self.settings.configuration.errorDefaultFormat,
                keepsClient: false,
                requestID: text,
                product: UnsafeRawBufferPointer(self.product)
            )
            context.date = self.date
            context.tokens = self.settings.configuration.responseTokens
            context.templates = self.settings.configuration.errorTemplates
            var writer = self.writer.headWriter()
            GeneratedResponse.write(
                status: status,
                message: message,
                context: context,
                into: &writer
            )
            return writer.written?.count ?? 0
        }
    }

    /// The client left, or this node ends, before the response was complete.
    func abandon(_ place: Int32) {
        let exchange = self.exchanges[place]
        if self.isStopping {
            exchange.pointee.failure = ProxyFailure(cause: .stopped)
        } else if !self.hasPassedAll(exchange) {
            exchange.pointee.failure = ProxyFailure(cause: .clientLeft)
        }
        if exchange.pointee.failure != .none, exchange.pointee.flags.contains(.responseBegun) {
            exchange.pointee.flags.insert(.isCut)
        } else if !exchange.pointee.flags.contains(.responseBegun) {
            exchange.pointee.status = exchange.pointee.failure.status
        }
        while exchange.pointee.attempt >= 0 { self.endAttempt(exchange.pointee.attempt) }
        self.conclude(place)
    }

    /// Whether an exchange is a relay in which nothing waits to be passed on: whoever leaves it then
    /// has simply finished.
    private func hasPassedAll(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        guard exchange.pointee.flags.contains([.isRelay, .responseBegun]) else { return false }
        let index = exchange.pointee.attempt
        let isTaken = index < 0 || self.targetTakesMore(index)
        guard isTaken, self.io[exchange.pointee.client].pointee.isWritten else { return false }
        guard let session = self.session(exchange.pointee.client) else { return true }
        return session.session.waiting(on: exchange.pointee.stream) == 0
    }

    /// Lowers a target in this worker at once; the node's verdict replaces this when it comes.
    func exclude(_ state: UnsafeMutablePointer<TargetState>) {
        if state.pointee.excludedUntil == 0 { self.excludedTargets.append(state) }
        state.pointee.excludedUntil = self.milliseconds + Self.exclusion
        state.pointee.apply()
    }

    /// Takes back own exclusions that no verdict confirmed in time.
    func readmitTargets() {
        guard !self.excludedTargets.isEmpty else { return }
        self.excludedTargets.removeAll { state in
            guard state.pointee.excludedUntil <= self.milliseconds else { return false }
            state.pointee.excludedUntil = 0
            state.pointee.apply()
            return true
        }
    }
}
