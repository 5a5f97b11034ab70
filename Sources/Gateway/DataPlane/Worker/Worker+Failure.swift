internal import MeshBalancing
internal import MeshHTTP
internal import MeshPlugins

/// What goes wrong: attempts that fail, answers of the gateway's own, clients that leave.
extension Worker {
    /// Milliseconds that this worker's own evidence excludes a target when no verdict comes.
    private static let exclusion: Int64 = 1_000

    /// The attempt at hand brought no response: tries again where that is allowed, or answers.
    func attemptFailed(_ place: Int32, _ failure: AttemptFailure) {
        let exchange = self.exchanges[place]
        exchange.pointee.failure = failure
        let hadResponseBytes = self.dropUpstream(exchange)
        let flags = exchange.pointee.flags
        let isRepeatable =
            flags.contains(.replayable)
            && (flags.contains(.idempotent) || !flags.contains(.sent))
        if failure == .reset, flags.contains(.reusedConnection), !hadResponseBytes, isRepeatable {
            return self.repeatOnFreshConnection(place)
        }
        self.observeFailure(exchange, failure)
        self.settleTarget(exchange)
        guard let route = self.routePlan(exchange) else { return self.answerFailure(place) }
        let mayRetry =
            isRepeatable && failure != .malformed
            && exchange.pointee.attempts <= route.pointee.retries
            && !exchange.pointee.tried.isFull
        guard mayRetry else { return self.answerFailure(place) }
        self.counters.add(WorkerCounter.retries)
        self.loadHead(exchange)
        self.dispatch(place, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// A kept connection had died unnoticed: that says nothing about the target.
    private func repeatOnFreshConnection(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard let upstream = self.upstreamIndex(exchange) else { return }
        exchange.pointee.flags.insert(.wantsFreshConnection)
        exchange.pointee.attempts -= 1
        let state = exchange.pointee.view.pointee.state(
            UpstreamIndex(upstream),
            TargetIndex(rawValue: exchange.pointee.target)
        )
        self.loadHead(exchange)
        self.attempt(place, state, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Closes the attempt's connection; tells whether any byte of a response had come.
    private func dropUpstream(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let index = exchange.pointee.upstream
        guard index >= 0 else { return false }
        let hadBytes =
            !self.connections[index].pointee.input.isEmpty || exchange.pointee.interims > 0
        exchange.pointee.upstream = -1
        self.connections[index].pointee.exchange = -1
        self.close(index)
        return hadBytes
    }

    private func routePlan(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafePointer<RoutePlan>? {
        guard exchange.pointee.route >= 0 else { return nil }
        return exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
    }

    /// Kong's answer to the last attempt's failure.
    private func answerFailure(_ place: Int32) {
        let failure = self.exchanges[place].pointee.failure
        self.answer(place, status: failure == .timeout ? 504 : 502)
    }

    /// Every target was tried, or there is none.
    func answerNoTarget(_ place: Int32) {
        guard self.exchanges[place].pointee.failure == .none else {
            return self.answerFailure(place)
        }
        self.answer(
            place,
            status: 503,
            message: "failure to get a peer from the ring-balancer"
        )
    }

    /// Answers in place of a target and ends the exchange.
    func answer(
        _ place: Int32,
        status: UInt16,
        message: StaticString? = nil,
        plugin: PluginAnswer? = nil
    ) {
        let exchange = self.exchanges[place]
        _ = self.dropUpstream(exchange)
        let client = exchange.pointee.client
        exchange.pointee.status = status
        exchange.pointee.answeredAt = 0
        if !exchange.pointee.flags.contains(.requestComplete) || self.closesClients
            || status == 400 || status == 408
        {
            exchange.pointee.flags.remove(.keepsClient)
        }
        self.loadHead(exchange)
        var context = self.context(exchange)
        context.format = ErrorFormat.preferred(
            by: self.request,
            self.fields,
            from: self.requestBytes
        )
        var writer = HeadWriter(
            UnsafeMutableRawBufferPointer(start: self.output, count: Self.headCapacity)
        )
        if exchange.pointee.plugins != nil {
            context.additionalFields = self.pluginLines(exchange)
        }
        if let plugin {
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
        if let written = writer.written {
            exchange.pointee.returned &+= UInt64(written.count)
            guard self.send(client, written) else { return self.close(client) }
        }
        exchange.pointee.flags.remove(.responseBegun)
        self.finish(place)
    }

    private func context(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> GeneratedResponse.Context {
        var context = GeneratedResponse.Context(
            keepsClient: exchange.pointee.flags.contains(.keepsClient),
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
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
        self.refuse(client, status: fault.status, message: fault.message)
    }

    /// Answers a client that has no exchange, and closes.
    func refuse(_ client: Int32, status: UInt16, message: StaticString? = nil) {
        let id = self.makeRequestID()
        withUnsafeBytes(of: id) { text in
            let context = GeneratedResponse.Context(
                keepsClient: false,
                requestID: text,
                product: UnsafeRawBufferPointer(self.product)
            )
            var writer = HeadWriter(
                UnsafeMutableRawBufferPointer(start: self.output, count: Self.headCapacity)
            )
            GeneratedResponse.write(
                status: status,
                message: message,
                context: context,
                into: &writer
            )
            if let written = writer.written { _ = self.send(client, written) }
        }
        self.connections[client].pointee.flags.insert(.lingersWhenWritten)
        self.leave(client)
    }

    /// The client left before its response was complete.
    func abandon(_ place: Int32) {
        let exchange = self.exchanges[place]
        self.connections[exchange.pointee.client].pointee.exchange = -1
        if !exchange.pointee.flags.contains(.responseBegun) { exchange.pointee.status = 499 }
        _ = self.dropUpstream(exchange)
        self.conclude(place)
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
