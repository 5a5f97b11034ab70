internal import CMeshSystem
internal import Glibc
internal import MeshBalancing
internal import MeshHTTP
internal import MeshHealth
internal import MeshPlugins
internal import MeshPrimitives

/// What a worker tells the rest of the node: observations, counters, access log.
extension Worker {
    private func state(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeMutablePointer<TargetState>? {
        guard let upstream = self.upstreamIndex(exchange), exchange.pointee.target >= 0 else {
            return nil
        }
        return exchange.pointee.view.pointee.state(
            upstream,
            TargetIndex(rawValue: exchange.pointee.target)
        )
    }

    @inline(__always)
    func touch(_ state: UnsafeMutablePointer<TargetState>) {
        guard !state.pointee.isDirty else { return }
        state.pointee.isDirty = true
        self.dirtyTargets.append(state)
    }

    /// A response head came.
    @inline(__always)
    func observeAnswer(_ exchange: UnsafeMutablePointer<Exchange>, status: UInt16) {
        guard let state = self.state(exchange) else { return }
        self.observeAnswer(state, status: status, waited: self.now - exchange.pointee.attemptAt)
    }

    /// A target answered after so many nanoseconds.
    func observeAnswer(
        _ state: UnsafeMutablePointer<TargetState>,
        status: UInt16,
        waited: Int64
    ) {
        self.touch(state)
        if !state.pointee.statuses.add(status) {
            self.report()
            self.touch(state)
            _ = state.pointee.statuses.add(status)
        }
        self.heard(from: state)
        let microseconds = UInt64(max(0, waited) / 1_000)
        state.pointee.latencySteps &+= LatencyLogarithm.step(microseconds: microseconds)
        state.pointee.row.addLatency(microseconds: microseconds)
        let isFailure = TargetState.StatusCounts.isFailure(status)
        state.pointee.measure(
            microseconds: Int64(clamping: microseconds),
            isFailure: isFailure,
            at: self.milliseconds
        )
        // Each moment that the node does not know it costs a busy target's clients failures. What fails
        // all the time is no news.
        if isFailure, !state.pointee.hasReportedFailure {
            self.reportAt = min(self.reportAt, self.milliseconds + Self.failureReportInterval)
        }
        if state.pointee.adaptiveLimit != nil, status < 400 {
            state.pointee.adapt(
                microseconds: Int64(clamping: microseconds),
                at: self.milliseconds
            )
        }
    }

    /// An attempt brought no response: told to the node at once.
    ///
    /// Only what a target did is evidence about it.
    func observeFailure(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ failure: ProxyFailure
    ) {
        guard let state = self.state(exchange) else { return }
        self.observeFailure(state, failure)
    }

    /// What a target did, or did not do, without an exchange.
    func observeFailure(_ state: UnsafeMutablePointer<TargetState>, _ failure: ProxyFailure) {
        guard failure.isEvidence else { return }
        self.touch(state)
        state.pointee.row.counts.add(TargetCounter.failures)
        state.pointee.measure(microseconds: 0, isFailure: true, at: self.milliseconds)
        switch failure.cause {
        case .refused, .handshake:
            state.pointee.connectFailures &+= 1
            self.exclude(state)
        case .connectTimeout, .writeTimeout, .readTimeout: state.pointee.timeouts &+= 1
        case .reset, .malformed, .cut: state.pointee.resets &+= 1
        case .none, .deadline, .clientLeft, .clientTimeout, .clientMalformed, .clientTooLarge,
            .exhausted,
            .noTarget, .overloaded, .stopped, .lostTrial, .stalled, .refusedStatus:
            return
        }
        self.isReportUrgent = true
    }

    /// The attempt is over: takes it out of the target's count of requests in flight.
    @inline(__always)
    func settleTarget(_ index: Int32) {
        let attempt = self.attempts[index]
        let exchange = self.exchanges[attempt.pointee.exchange]
        if attempt.pointee.patience > 0 { self.endTrial(index) }
        if attempt.pointee.flags.contains(.isAwaited) { self.endAwaiting(index) }
        guard attempt.pointee.flags.contains(.isCounted),
            let upstream = self.upstreamIndex(exchange)
        else { return }
        attempt.pointee.flags.remove(.isCounted)
        exchange.pointee.view.pointee
            .state(upstream, TargetIndex(rawValue: attempt.pointee.target))
            .pointee.end()
        if !self.waitingRooms.isEmpty { self.noteEnd(exchange, begunAt: attempt.pointee.begunAt) }
    }

    /// Hands the node what was observed since the last time.
    func report() {
        guard !self.dirtyTargets.isEmpty else { return }
        let observations = self.dirtyTargets.map { state in
            var observation = TargetObservation(id: state.pointee.id)
            observation.connectFailures = state.pointee.connectFailures
            observation.resets = state.pointee.resets
            observation.timeouts = state.pointee.timeouts
            observation.latencySteps = state.pointee.latencySteps
            observation.silences = state.pointee.silences
            observation.overflows = state.pointee.takeOverflows()
            observation.statuses = (0..<state.pointee.statuses.used).map { index in
                TargetObservation.StatusCount(
                    status: state.pointee.statuses.codes[index],
                    count: state.pointee.statuses.counts[index]
                )
            }
            state.pointee.isDirty = false
            state.pointee.hasReportedFailure = state.pointee.statuses.hasFailure
            state.pointee.connectFailures = 0
            state.pointee.resets = 0
            state.pointee.timeouts = 0
            state.pointee.latencySteps = 0
            state.pointee.silences = 0
            state.pointee.statuses = TargetState.StatusCounts()
            return observation
        }
        self.dirtyTargets.removeAll(keepingCapacity: true)
        self.settings.onObservations(Array(observations))
    }

    /// Counts an attempt that failed, whether another one follows or not.
    func countAttempt(_ cause: ProxyFailure.Cause) {
        self.counters.add(WorkerCounter.attemptFailures + Int(cause.rawValue))
    }

    /// Counts a request that failed.
    func countRequest(_ cause: ProxyFailure.Cause) {
        self.counters.add(WorkerCounter.requestFailures + Int(cause.rawValue))
    }

    /// Counts a finished request and writes its access log line.
    func account(_ exchange: UnsafeMutablePointer<Exchange>) {
        if exchange.pointee.failure != .none {
            self.countRequest(exchange.pointee.failure.cause)
        }
        if exchange.pointee.route >= 0 {
            let isService = exchange.pointee.answeredAt > 0
            let attemptAt = exchange.pointee.attemptAt
            let own = (isService ? attemptAt : self.now) - exchange.pointee.begunAt
            let waited = isService ? exchange.pointee.answeredAt - attemptAt : nil
            let route = RouteIndex(rawValue: exchange.pointee.route)
            exchange.pointee.view.pointee.row(route).account(
                RequestRecord(
                    status: exchange.pointee.status,
                    requestNanoseconds: self.now - exchange.pointee.begunAt,
                    gatewayNanoseconds: own,
                    upstreamNanoseconds: waited,
                    received: exchange.pointee.received,
                    returned: exchange.pointee.returned
                ),
                exchange.pointee.filters.flatMap { self.countedConsumer(exchange, $0) }
            )
        } else if exchange.pointee.status == 503 {
            self.counters.add(WorkerCounter.shed)
        }
        if let block = exchange.pointee.filters, exchange.pointee.route >= 0 {
            self.tellLogs(exchange, block)
        } else if exchange.pointee.flags.contains(.isStream) {
            self.tellSession(exchange)
        }
        guard self.log != nil || self.trail != nil else { return }
        var entry = AccessLogEntry()
        self.tell(exchange, in: &entry)
        self.log?._withUnsafeGuaranteedRef { ring in
            let format = self.settings.configuration.accessLogFormat
            self.noteLogged(ring.append { format.write(entry, into: &$0) })
        }
        self.trail?._withUnsafeGuaranteedRef { trail in
            if exchange.pointee.filters == nil {
                trail.append(entry, exchange.pointee.failure, .none)
            } else {
                self.remember(exchange, entry, in: trail)
            }
        }
    }

    /// The consumer whose share of the counters a request is part of.
    private func countedConsumer(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>
    ) -> ConsumerEntry? {
        self.chain(exchange).countedConsumer(
            self.consumers(exchange),
            block.filter.pointee.plugins.identity
        )
    }

    /// Remembers a request that plugins had to do with.
    @inline(never)
    private func remember(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ entry: AccessLogEntry,
        in trail: RequestTrail
    ) {
        var answering = self.answeringPlugin(exchange)
        withUnsafeTemporaryAllocation(
            byteCount: RequestTrail.changedByByteCount,
            alignment: 1
        ) { room in
            let count = self.writeChangingPlugins(exchange, to: room)
            answering.withUTF8 { answering in
                let plugins = RequestTrail.Plugins(
                    answering: UnsafeRawBufferPointer(answering),
                    changing: UnsafeRawBufferPointer(rebasing: room[..<count]),
                    correlation: self.correlation(of: exchange)
                )
                trail.append(entry, exchange.pointee.failure, plugins)
            }
        }
    }

    /// The plugin that answered a request; empty when none did.
    private func answeringPlugin(_ exchange: UnsafeMutablePointer<Exchange>) -> String {
        guard let block = exchange.pointee.filters, exchange.pointee.route >= 0,
            block.filter.pointee.answeredBy >= 0
        else { return "" }
        return self.chain(exchange).name(ofStep: Int(block.filter.pointee.answeredBy))
    }

    /// Writes who changed a request or its answer; returns the bytes.
    private func writeChangingPlugins(
        _ exchange: UnsafeMutablePointer<Exchange>,
        to room: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let block = exchange.pointee.filters, exchange.pointee.route >= 0,
            case let steps = block.filter.pointee.plugins.changedBy, steps != 0
        else { return 0 }
        return self.chain(exchange).writeNames(ofSteps: steps, to: room)
    }

    /// What `correlation-id` made for a request, or what the client sent in its field.
    private func correlation(
        of exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeRawBufferPointer {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard let block = exchange.pointee.filters, exchange.pointee.route >= 0,
            let field = self.chain(exchange).correlationField
        else { return nothing }
        if let value = Self.value(behind: field.prefix, in: block.addedLines) { return value }
        let scope = self.reader.load(exchange.pointee.head)
        return field.name.withUnsafeBytes { name in
            for index in 0..<scope.head.fieldCount where scope.isField(index, named: name) {
                return scope.fields[index].value.bytes(of: scope.bytes)
            }
            return nothing
        }
    }

    /// What follows a prefix in the first of some lines that begins with it.
    private static func value(
        behind prefix: [UInt8],
        in lines: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let base = lines.baseAddress else { return nil }
        return prefix.withUnsafeBytes { prefix in
            var start = 0
            while start < lines.count {
                let end = mesh_find_byte(base, start, lines.count, 0x0D)
                if end - start >= prefix.count, let name = prefix.baseAddress,
                    memcmp(base + start, name, prefix.count) == 0
                {
                    return UnsafeRawBufferPointer(rebasing: lines[(start + prefix.count)..<end])
                }
                start = end + 2
            }
            return nil
        }
    }

    @inline(__always)
    private func tell(
        _ exchange: UnsafeMutablePointer<Exchange>,
        in entry: inout AccessLogEntry
    ) {
        let head = exchange.pointee.head.first
        if head.count == exchange.pointee.head.count, !self.logsFields {
            // The usual case: a head in one block need not be read again.
            entry.method = exchange.pointee.named.method.bytes(of: head)
            entry.host = exchange.pointee.named.authority.bytes(of: head)
            entry.target = exchange.pointee.named.target.bytes(of: head)
        } else {
            self.readHead(of: exchange, into: &entry)
        }
        self.describe(exchange, in: &entry)
    }

    private func readHead(
        of exchange: UnsafeMutablePointer<Exchange>,
        into entry: inout AccessLogEntry
    ) {
        let scope = self.reader.load(exchange.pointee.head)
        entry.method = scope.head.methodName.bytes(of: scope.bytes)
        entry.host = scope.head.authority.bytes(of: scope.bytes)
        entry.target = scope.head.target.bytes(of: scope.bytes)
        entry.version = scope.head.version
        entry.referer = Self.value("referer", scope)
        entry.userAgent = Self.value("user-agent", scope)
    }

    /// Whether the format shows fields of requests.
    private var logsFields: Bool { self.settings.configuration.accessLogFormat != .json }

    private static func value(
        _ name: StaticString,
        _ scope: borrowing RequestScope
    ) -> UnsafeRawBufferPointer {
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        for index in 0..<scope.head.fieldCount where scope.isField(index, named: name) {
            return scope.fields[index].value.bytes(of: scope.bytes)
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }

    @inline(__always)
    private func describe(
        _ exchange: UnsafeMutablePointer<Exchange>,
        in entry: inout AccessLogEntry
    ) {
        entry.milliseconds = self.wall.milliseconds
        entry.requestID = self.requestID(exchange)
        entry.client = self.peerText(exchange.pointee.origin)
        entry.status = exchange.pointee.status
        if exchange.pointee.flags.contains(.isHTTP2) { entry.version = .http2 }
        if let route = self.routePlan(exchange) {
            entry.routeMembers = route.pointee.logMembers.bytes
        }
        if let target = self.targetPlan(exchange) {
            entry.upstreamMember = target.pointee.logMember.bytes
        }
        entry.tries = UInt64(max(0, exchange.pointee.attempts))
        entry.requestByteCount = exchange.pointee.received
        entry.responseByteCount = exchange.pointee.returned
        entry.requestMicroseconds = UInt64(max(0, self.now - exchange.pointee.begunAt) / 1_000)
        if exchange.pointee.answeredAt > 0 {
            let waited = exchange.pointee.answeredAt - exchange.pointee.attemptAt
            entry.upstreamMicroseconds = UInt64(max(0, waited) / 1_000)
        }
        let failure = exchange.pointee.failure
        if failure != .none {
            entry.failure = AccessLogEntry.Failure(
                owner: failure.ownerName,
                cause: failure.causeName
            )
            if exchange.pointee.flags.contains(.isCut) { entry.cut = failure.ownerName }
        }
    }

    /// Writes a line, or counts that there was no room for it.
    func write(_ entry: AccessLogEntry, to ring: LogRing) {
        let format = self.settings.configuration.accessLogFormat
        self.noteLogged(ring.append { format.write(entry, into: &$0) })
    }

    @inline(__always)
    private func noteLogged(_ isLogged: Bool) {
        if !isLogged { self.counters.add(WorkerCounter.droppedLogLines) }
    }
}
