internal import CMeshSystem
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshTLS

/// What log plugins are told of connections and datagrams of stream routes, once they are over.
extension Worker {
    /// Tells the queues of the route's log plugins of a connection.
    func tellSession(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard exchange.pointee.route >= 0, self.chain(exchange).logs else { return }
        let (received, returned) = (exchange.pointee.received, exchange.pointee.returned)
        var session = LogSession(serverPort: self.port(of: exchange.pointee.client))
        if exchange.pointee.answeredAt > 0 { session.upstream = (returned, received) }
        var record = self.record(
            of: session,
            exchange.pointee.origin,
            exchange.pointee.view,
            route: exchange.pointee.route
        )
        record.requestID = String(decoding: self.requestID(exchange), as: UTF8.self)
        record.sizes = (received, returned)
        record.status = exchange.pointee.status
        record.isUpstreams = exchange.pointee.answeredAt > 0
        record.tries = Int(exchange.pointee.attempts)
        record.security = self.security(of: exchange.pointee.client)
        self.time(exchange, in: &record)
        self.tell(record, self.chain(exchange))
    }

    /// Tells them of a client's datagrams.
    func tellSession(_ datagrams: UnsafeMutablePointer<Datagrams.Session>, status: UInt16) {
        let view = datagrams.pointee.view
        let chain = view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.chains[Int(datagrams.pointee.route)] }
        guard chain.logs else { return }
        var session = LogSession(serverPort: datagrams.pointee.key.local.port)
        session.upstream = (datagrams.pointee.returned, datagrams.pointee.received)
        var record = self.record(
            of: session,
            datagrams.pointee.key.client,
            view,
            route: datagrams.pointee.route
        )
        record.sizes = (datagrams.pointee.received, datagrams.pointee.returned)
        record.status = status
        record.tries = Int(clamping: datagrams.pointee.tries)
        let wall = mesh_clock_wall_milliseconds()
        record.latencies.request = max(0, self.now - datagrams.pointee.begunAt) / 1_000_000
        record.startedAt = wall - record.latencies.request
        if datagrams.pointee.target >= 0 {
            let route = RouteIndex(rawValue: datagrams.pointee.route)
            let target = TargetIndex(rawValue: datagrams.pointee.target)
            let place = SocketAddress.decode(view.pointee.plan(route, target).pointee.address)
            let since = max(0, self.now - datagrams.pointee.attemptAt) / 1_000_000
            record.target = ("\(place.address)", place.port, wall - since)
        }
        self.tell(record, chain)
    }

    /// How a client's side is secured; nil without TLS.
    func security(of client: Int32) -> LogSecurityFacts? {
        guard let session = self.io[client].pointee.tls else { return nil }
        let checked = session.verification
        let outcome = checked.code == 0 ? "SUCCESS" : "FAILED:\(checked.text)"
        return LogSecurityFacts(
            version: session.version.rawValue,
            cipher: session.cipherName,
            verification: session.hasPeerCertificate ? outcome : "NONE"
        )
    }

    private func record(
        of session: LogSession,
        _ client: mesh_address,
        _ view: UnsafeMutablePointer<SnapshotView>,
        route: Int32
    ) -> LogRecord {
        var record = LogRecord()
        record.session = session
        record.client = String(decoding: self.peerText(client), as: UTF8.self)
        record.clientPort = SocketAddress.decode(client).port
        record.random = self.generator.next()
        let documents = view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.logDocuments(ofRoute: Int(route)) }
        record.names = documents.names
        record.machine = self.settings.shared.node.host
        record.route = documents.route
        record.service = documents.service
        return record
    }

    private func tell(_ record: LogRecord, _ chain: PluginChain) {
        // Nobody is authenticated on a stream.
        chain.forEachLog(.empty, PluginIdentity()) { queue in
            let format = queue.plan.format
            if format.isJSON, queue.isFull {
                self.counters.add(WorkerCounter.droppedLogLines)
                return
            }
            guard format.tellsSessions, let entry = format.entry(record) else { return }
            if !queue.append(entry, status: record.status) {
                self.counters.add(WorkerCounter.droppedLogLines)
            }
        }
    }
}
