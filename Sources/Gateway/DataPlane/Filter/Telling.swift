internal import CMeshSystem
internal import MeshHTTP
internal import MeshPlugins
internal import MeshPrimitives

/// What log plugins are told of a request.
extension Worker {
    /// Most bytes of a head that are told.
    private static let toldLimit = 32_768

    /// Notes the target that the upstream is asked for, of the head just written.
    func noteTarget(_ exchange: UnsafeMutablePointer<Exchange>, _ head: UnsafeRawBufferPointer) {
        guard let block = exchange.pointee.filters, self.chain(exchange).logs else { return }
        block.filter.pointee.told.clear(to: &self.io.blocks)
        let line = head.prefix { $0 != 0x0D }
        let parts = line.split(separator: 0x20, maxSplits: 2)
        guard parts.count > 1 else { return }
        block.filter.pointee.told.append(
            UnsafeRawBufferPointer(rebasing: parts[1]),
            from: &self.io.blocks
        )
    }

    /// Notes the head that the client is sent, just written.
    func noteResponse(_ exchange: UnsafeMutablePointer<Exchange>, _ head: UnsafeRawBufferPointer) {
        guard let block = exchange.pointee.filters, self.chain(exchange).logs else { return }
        // A generated answer stands behind its head.
        var count = 0
        while count + 3 < head.count,
            head[count] != 0x0D || head[count + 1] != 0x0A || head[count + 2] != 0x0D
        {
            count += 1
        }
        guard count <= Self.toldLimit else { return }
        let end: StaticString = "\n"
        block.filter.pointee.told.append(
            UnsafeRawBufferPointer(start: end.utf8Start, count: 1),
            from: &self.io.blocks
        )
        block.filter.pointee.told.append(
            UnsafeRawBufferPointer(rebasing: head[..<count]),
            from: &self.io.blocks
        )
    }

    /// Tells the queues of the route's log plugins of a request that is over.
    func tellLogs(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>
    ) {
        let chain = self.chain(exchange)
        guard chain.logs else { return }
        let consumers = self.consumers(exchange)
        let identity = block.filter.pointee.plugins.identity
        var record: LogRecord?
        var text: [UInt8]?
        chain.forEachLog(consumers, identity) { queue in
            let format = queue.plan.format
            // Other formats may have nothing to tell of this request, and nothing to drop.
            if format.isJSON, queue.isFull {
                self.counters.add(WorkerCounter.droppedLogLines)
                return
            }
            let known = record ?? self.record(of: exchange, block, consumers)
            record = known
            guard let entry = (format.isJSON ? text : nil) ?? format.entry(known) else { return }
            if format.isJSON { text = entry }
            if !queue.append(entry, status: exchange.pointee.status) {
                self.counters.add(WorkerCounter.droppedLogLines)
            }
        }
    }

    private func record(
        of exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>,
        _ consumers: ConsumerDirectory
    ) -> LogRecord {
        let scope = self.reader.load(exchange.pointee.head)
        var record = LogRecord()
        record.head = scope.head
        record.received = ReceivedFields(
            scope.fields,
            count: scope.head.fieldCount,
            of: scope.bytes
        )
        record.requestID = String(decoding: self.requestID(exchange), as: UTF8.self)
        let scheme = self.io[exchange.pointee.client].pointee.isTLS ? "https" : "http"
        let host = String(decoding: scope.head.host.bytes(of: scope.bytes), as: UTF8.self)
        record.origin = "\(scheme)://\(host):\(self.port(of: exchange.pointee.client))"
        record.sizes = (exchange.pointee.received, exchange.pointee.returned)
        record.security = self.security(of: exchange.pointee.client)
        record.status = exchange.pointee.status
        let told = block.filter.pointee.told.bytes
        let mark = told.firstIndex(of: 0x0A)
        record.upstreamTarget = Array(told[..<(mark ?? told.count)])
        if let mark { record.responseHead = Array(told[(mark + 1)...]) }
        record.isUpstreams = exchange.pointee.answeredAt > 0
        if record.isUpstreams { record.upstreamStatus = exchange.pointee.status }
        self.time(exchange, in: &record)
        record.client = String(decoding: self.peerText(exchange.pointee.origin), as: UTF8.self)
        let documents = exchange.pointee.view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.logDocuments(ofRoute: Int(exchange.pointee.route)) }
        record.names = documents.names
        record.machine = self.settings.shared.node.host
        record.clientPort = SocketAddress.decode(exchange.pointee.origin).port
        if exchange.pointee.failure != .none {
            record.failure = "\(exchange.pointee.failure.causeName)"
        }
        record.tries = Int(exchange.pointee.attempts)
        record.random = self.generator.next()
        let trace = block.filter.pointee.plugins.trace
        record.trace = trace.isSome ? trace : nil
        record.route = documents.route
        record.service = documents.service
        record.consumer = consumers[block.filter.pointee.plugins.identity.consumer]
        record.credential = block.filter.pointee.plugins.identity.credential
        return record
    }

    func time(
        _ exchange: UnsafeMutablePointer<Exchange>,
        in record: inout LogRecord
    ) {
        let wall = mesh_clock_wall_milliseconds()
        let whole = max(0, self.now - exchange.pointee.begunAt)
        record.startedAt = wall - whole / 1_000_000
        let end = wall * 1_000_000
        let instant = { (at: Int64) in at > 0 ? end - max(0, self.now - at) : 0 }
        record.instants = (
            end - whole, instant(exchange.pointee.attempts > 0 ? exchange.pointee.attemptAt : 0),
            instant(exchange.pointee.answeredAt), end
        )
        let answered = exchange.pointee.answeredAt
        let attempt = exchange.pointee.attemptAt
        record.latencies.request = whole / 1_000_000
        if answered > 0 {
            record.latencies.upstream = max(0, answered - attempt) / 1_000_000
            record.latencies.gateway = max(0, attempt - exchange.pointee.begunAt) / 1_000_000
        } else {
            record.latencies.gateway = record.latencies.request
        }
        guard exchange.pointee.attempts > 0, let target = self.targetPlan(exchange) else { return }
        let endpoint = SocketAddress.decode(target.pointee.address)
        record.target = (
            "\(endpoint.address)", endpoint.port,
            wall - max(0, self.now - attempt) / 1_000_000
        )
    }
}
