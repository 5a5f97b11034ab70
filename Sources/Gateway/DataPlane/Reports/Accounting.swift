internal import CMeshSystem
internal import MeshBalancing
internal import MeshHTTP
internal import MeshHealth
internal import MeshPrimitives

/// What a worker tells the rest of the node: observations, counters, access log.
extension Worker {
    private func state(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeMutablePointer<TargetState>? {
        guard let upstream = self.upstreamIndex(exchange), exchange.pointee.target >= 0 else {
            return nil
        }
        return exchange.pointee.view.pointee.targets[upstream][Int(exchange.pointee.target)]
    }

    @inline(__always)
    private func touch(_ state: UnsafeMutablePointer<TargetState>) {
        guard !state.pointee.isDirty else { return }
        state.pointee.isDirty = true
        self.dirtyTargets.append(state)
    }

    /// A response head came.
    func observeAnswer(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard let state = self.state(exchange) else { return }
        self.touch(state)
        if !state.pointee.statuses.add(self.response.status) {
            self.report()
            self.touch(state)
            _ = state.pointee.statuses.add(self.response.status)
        }
        let waited = max(0, self.now - exchange.pointee.attemptAt)
        state.pointee.latencySumMicroseconds &+= UInt64(waited / 1_000)
    }

    /// An attempt brought no response: told to the node at once.
    ///
    /// Only what a target did is evidence about it.
    func observeFailure(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ failure: ProxyFailure
    ) {
        guard let state = self.state(exchange), failure.isEvidence else { return }
        self.touch(state)
        state.pointee.row.add(TargetCounter.failures)
        switch failure.cause {
        case .refused, .handshake:
            state.pointee.connectFailures &+= 1
            self.exclude(state)
        case .connectTimeout, .writeTimeout, .readTimeout: state.pointee.timeouts &+= 1
        case .reset, .malformed, .cut: state.pointee.resets &+= 1
        case .none, .deadline, .clientLeft, .clientTimeout, .clientMalformed, .exhausted,
            .noTarget, .overloaded, .stopped:
            return
        }
        self.isReportUrgent = true
    }

    /// The attempt is over: takes it out of the target's count of requests in flight.
    func settleTarget(_ index: Int32) {
        let attempt = self.attempts[index]
        let exchange = self.exchanges[attempt.pointee.exchange]
        guard attempt.pointee.flags.contains(.isCounted),
            let upstream = self.upstreamIndex(exchange)
        else { return }
        attempt.pointee.flags.remove(.isCounted)
        let target = Int(attempt.pointee.target)
        let state = exchange.pointee.view.pointee.targets[upstream][target]
        exchange.pointee.view.pointee.balancers[upstream]
            ._withUnsafeGuaranteedRef { $0.ended(target) }
        state.pointee.row.subtract(TargetCounter.inFlight)
    }

    /// Hands the node what was observed since the last time.
    func report() {
        guard !self.dirtyTargets.isEmpty else { return }
        let observations = self.dirtyTargets.map { state in
            var observation = TargetObservation(id: state.pointee.id)
            observation.connectFailures = state.pointee.connectFailures
            observation.resets = state.pointee.resets
            observation.timeouts = state.pointee.timeouts
            observation.latencySumMicroseconds = state.pointee.latencySumMicroseconds
            observation.statuses = (0..<state.pointee.statuses.used).map { index in
                TargetObservation.StatusCount(
                    status: state.pointee.statuses.codes[index],
                    count: state.pointee.statuses.counts[index]
                )
            }
            state.pointee.isDirty = false
            state.pointee.connectFailures = 0
            state.pointee.resets = 0
            state.pointee.timeouts = 0
            state.pointee.latencySumMicroseconds = 0
            state.pointee.statuses = TargetState.StatusCounts()
            return observation
        }
        self.dirtyTargets.removeAll(keepingCapacity: true)
        self.settings.onObservations(Array(observations))
    }

    /// Counts a finished request and writes its access log line.
    func account(_ exchange: UnsafeMutablePointer<Exchange>) {
        if exchange.pointee.route >= 0 {
            let row = exchange.pointee.view.pointee.rows[Int(exchange.pointee.route)]
            let isService = exchange.pointee.answeredAt > 0
            let status = Int(min(max(exchange.pointee.status, 100), 599)) - 100
            row.add((isService ? RouteCounter.service : RouteCounter.gateway) + status)
            let total = max(0, self.now - exchange.pointee.begunAt)
            row.sample(RouteCounter.requestLatency, total, .request)
            if isService {
                let waited = exchange.pointee.answeredAt - exchange.pointee.attemptAt
                row.sample(RouteCounter.upstreamLatency, waited, .request)
                let own = exchange.pointee.attemptAt - exchange.pointee.begunAt
                row.sample(RouteCounter.gatewayLatency, own, .gateway)
            } else {
                row.sample(RouteCounter.gatewayLatency, total, .gateway)
            }
            row.add(RouteCounter.ingress, exchange.pointee.received)
            row.add(RouteCounter.egress, exchange.pointee.returned)
        }
        if let ring = self.settings.log { self.log(exchange, to: ring) }
    }

    private func log(_ exchange: UnsafeMutablePointer<Exchange>, to ring: LogRing) {
        let scope = self.reader.load(exchange.pointee.head)
        var line = HeadWriter(self.logLine)
        line.write("{\"time_ms\":")
        line.write(decimal: UInt64(max(0, mesh_clock_wall_milliseconds())))
        line.write(",\"request_id\":\"")
        line.write(self.requestID(exchange))
        line.write("\",\"client\":\"")
        let client = self.io[exchange.pointee.client].pointee.address
        line.append { room in
            room.count < 40
                ? nil : room.baseAddress.map { SocketAddress.write(client, to: $0) }
        }
        line.write("\",\"method\":\"")
        line.write(scope.head.methodName, of: scope.bytes)
        line.write("\",\"host\":\"")
        line.write(scope.head.authority, of: scope.bytes)
        line.write("\",\"target\":")
        line.write(escaped: scope.head.target.bytes(of: scope.bytes), limit: 2_048)
        line.write(",\"status\":")
        line.write(decimal: UInt64(exchange.pointee.status))
        if exchange.pointee.route >= 0 {
            let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
            line.write(",\"service\":")
            line.write(route.pointee.serviceLiteral.bytes)
            line.write(",\"route\":")
            line.write(route.pointee.routeLiteral.bytes)
        }
        if let target = self.targetPlan(exchange) {
            line.write(",\"upstream\":")
            line.write(target.pointee.addressLiteral.bytes)
        }
        if exchange.pointee.failure != .none { self.logFailure(exchange, to: &line) }
        self.logNumbers(exchange, to: &line)
        guard let written = line.written, ring.append(written) else {
            self.counters.add(WorkerCounter.droppedLogLines)
            return
        }
    }

    /// Why the request failed, whose doing it was, and whether the response was cut.
    private func logFailure(
        _ exchange: UnsafeMutablePointer<Exchange>,
        to line: inout HeadWriter
    ) {
        let failure = exchange.pointee.failure
        line.write(",\"error\":{\"owner\":\"")
        line.write(failure.ownerName)
        line.write("\",\"cause\":\"")
        line.write(failure.causeName)
        line.write("\"}")
        guard exchange.pointee.flags.contains(.isCut) else { return }
        line.write(",\"cut\":\"")
        line.write(failure.ownerName)
        line.write("\"")
    }

    private func logNumbers(
        _ exchange: UnsafeMutablePointer<Exchange>,
        to line: inout HeadWriter
    ) {
        line.write(",\"tries\":")
        line.write(decimal: UInt64(max(0, exchange.pointee.attempts)))
        line.write(",\"request_bytes\":")
        line.write(decimal: exchange.pointee.received)
        line.write(",\"response_bytes\":")
        line.write(decimal: exchange.pointee.returned)
        line.write(",\"request_us\":")
        line.write(decimal: UInt64(max(0, self.now - exchange.pointee.begunAt) / 1_000))
        if exchange.pointee.answeredAt > 0 {
            let waited = exchange.pointee.answeredAt - exchange.pointee.attemptAt
            line.write(",\"upstream_us\":")
            line.write(decimal: UInt64(max(0, waited) / 1_000))
        }
        line.write("}\n")
    }
}

extension HeadWriter {
    /// Appends a JSON string literal of at most `limit` bytes of text.
    ///
    /// Bytes outside printable ASCII become `\u00XX`, so that no terminal is ever steered by a log.
    mutating func write(escaped text: UnsafeRawBufferPointer, limit: Int) {
        self.write(byte: UInt8(ascii: "\""))
        for byte in text.prefix(limit) {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                self.write(byte: UInt8(ascii: "\\"))
                self.write(byte: byte)
            case 0x20...0x7E: self.write(byte: byte)
            default:
                self.write("\\u00")
                self.write(hexadecimal: UInt64(byte), digitCount: 2)
            }
        }
        self.write(byte: UInt8(ascii: "\""))
    }
}

extension CounterBlock {
    /// Which bounds a histogram has.
    enum Scale {
        case request
        case gateway
    }

    /// Adds one latency to the histogram at `place`.
    @inline(__always)
    func sample(_ place: Int, _ nanoseconds: Int64, _ scale: Scale) {
        let time = max(0, nanoseconds)
        switch scale {
        case .request:
            self.add(place + (time <= 25_000_000 ? 0 : Self.requestBucket(time)))
            self.add(place + 14, UInt64(time / 1_000))
        case .gateway:
            self.add(place + (time <= 1_000_000 ? 0 : Self.gatewayBucket(time)))
            self.add(place + 18, UInt64(time / 1_000))
        }
    }

    private static func requestBucket(_ nanoseconds: Int64) -> Int {
        Self.bucket(nanoseconds, DataPlaneCounters.RouteCounters.latencyBounds)
    }

    private static func gatewayBucket(_ nanoseconds: Int64) -> Int {
        Self.bucket(nanoseconds, DataPlaneCounters.RouteCounters.gatewayLatencyBounds)
    }

    private static func bucket(_ nanoseconds: Int64, _ bounds: [UInt32]) -> Int {
        var bucket = 0
        while bucket < bounds.count, nanoseconds > Int64(bounds[bucket]) * 1_000_000 {
            bucket += 1
        }
        return bucket
    }
}
