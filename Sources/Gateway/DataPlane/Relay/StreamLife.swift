internal import CMeshSystem
internal import MeshBalancing
internal import MeshHTTP
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshRouting
internal import MeshTLS

/// The life of a connection of a stream route: found by addresses and server name, given a target,
/// then relayed byte by byte.
///
/// It is an exchange without a head on either side, so that balancing, retries, limits, counters and
/// log lines are those of requests.
extension Worker {
    /// A stream client's first bytes may be there: looks at them without taking them.
    func streamArrived(_ index: Int32) {
        let link = self.io[index]
        guard link.pointee.owner < 0 else { return }
        guard self.listenerKinds[Int(link.pointee.listener)] == .tls else {
            return self.beginStream(index, serverName: nil)
        }
        let count = self.io.peek(index, into: self.input, limit: ClientHelloPeek.byteLimit)
        guard count > 0 else {
            if count == 0 { self.close(index) }
            return
        }
        switch ClientHelloPeek.peek(UnsafeRawBufferPointer(start: self.input, count: count)) {
        case .incomplete: return
        case .notTLS: self.close(index)
        case .found(let hello): self.beginStream(index, serverName: hello.serverName)
        }
    }

    /// Finds the route of a connection; one that no route takes is closed, as Kong does.
    private func beginStream(_ index: Int32, serverName: String?) {
        guard let view = self.view else { return self.close(index) }
        let link = self.io[index]
        let kind = self.listenerKinds[Int(link.pointee.listener)]
        let query = StreamQuery(
            transport: kind == .tls ? .tls : .tcp,
            source: self.proxied[index] ?? SocketAddress.decode(link.pointee.address),
            destination: SocketAddress.decode(self.io.localAddress(index)),
            serverName: serverName
        )
        let streams = view.pointee.snapshot._withUnsafeGuaranteedRef { $0.streams }
        guard let match = streams.match(query) else {
            self.counters.add(WorkerCounter.unmatched)
            return self.close(index)
        }
        guard let place = self.takeStream(index, on: view, route: match.routeIndex) else {
            return self.close(index)
        }
        guard self.admits(place) else {
            self.exchanges[place].pointee.status = 403
            return self.closeStream(place)
        }
        if kind == .tls, !match.isPassedThrough {
            guard let context = self.contexts.stream, self.io.startTLS(index, as: context) else {
                self.exchanges[place].pointee.failure = ProxyFailure(cause: .exhausted)
                return self.closeStream(place)
            }
        }
        // TLS that ends here is agreed on first: the client must not wait for the target.
        if link.pointee.phase == .open { self.dispatchStream(place) }
    }

    /// Whether the plugins of the route let the client in.
    private func admits(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        return self.admits(
            exchange.pointee.origin,
            exchange.pointee.view,
            Int(exchange.pointee.route)
        )
    }

    /// Whether the plugins of a route let a client in.
    func admits(
        _ client: mesh_address,
        _ view: UnsafeMutablePointer<SnapshotView>,
        _ route: Int
    ) -> Bool {
        guard view.pointee.routes[route].hasPlugins else { return true }
        return view.pointee.snapshot._withUnsafeGuaranteedRef { snapshot in
            snapshot.chains[route].admits(SocketAddress.decode(client).address)
        }
    }

    private func takeStream(
        _ index: Int32,
        on view: UnsafeMutablePointer<SnapshotView>,
        route: Int
    ) -> Int32? {
        let place = self.exchanges.take()
        guard place >= 0 else { return nil }
        let link = self.io[index]
        link.pointee.owner = place
        link.pointee.requests = 1
        view.pointee.holders += 1
        self.exchanges[place].initialize(
            to: Exchange(
                requestID: self.makeRequestID(),
                flags: [.isStream, .isRelay],
                client: index,
                stream: 0,
                decoder: BodyDecoder(.untilClose),
                view: view,
                named: HeadRanges(RequestHead()),
                begunAt: self.now,
                received: 0
            )
        )
        let exchange = self.exchanges[place]
        exchange.pointee.route = Int32(truncatingIfNeeded: route)
        exchange.pointee.origin =
            self.proxied[index].map(SocketAddress.encode) ?? link.pointee.address
        self.counters.add(WorkerCounter.requests)
        self.counters.add(WorkerCounter.activeRequests)
        return place
    }

    /// Picks a target for a connection and begins to connect.
    func dispatchStream(_ place: Int32) {
        let exchange = self.exchanges[place]
        self.timers.clear(.link, exchange.pointee.client)
        guard let upstream = self.upstreamIndex(exchange) else { return self.closeStream(place) }
        guard exchange.pointee.attempts > 0 || !self.isOverloaded else {
            exchange.pointee.failure = ProxyFailure(cause: .overloaded)
            return self.closeStream(place)
        }
        let view = exchange.pointee.view
        if exchange.pointee.attempts == 0 {
            view.pointee.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef {
                $0.retries.countRequest(at: self.milliseconds)
            }
        }
        exchange.pointee.hash = self.streamHash(view, upstream, exchange.pointee.origin)
        let choice = view.pointee.pick(
            upstream,
            hash: exchange.pointee.hash,
            tried: exchange.pointee.tried
        )
        guard choice.isSome else {
            if exchange.pointee.failure == .none {
                exchange.pointee.failure = ProxyFailure(cause: .noTarget)
            }
            return self.closeStream(place)
        }
        exchange.pointee.tried.insert(Int(choice.rawValue))
        let index = self.beginAttempt(place, target: choice)
        guard index >= 0 else {
            exchange.pointee.failure = ProxyFailure(cause: .exhausted)
            return self.closeStream(place)
        }
        let state = view.pointee.state(upstream, choice)
        state.pointee.begin()
        state.pointee.row.counts.add(TargetCounter.attempts)
        self.attempts[index].pointee.flags.insert(.isCounted)
        self.attempts[index].pointee.decoder = BodyDecoder(.untilClose)
        if let cause = self.acquireStreamLink(index) { return self.attemptFailed(index, cause) }
        self.setAttemptTimer(index)
    }

    /// Streams never share connections, and always get a new one.
    private func acquireStreamLink(_ index: Int32) -> ProxyFailure.Cause? {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        return self.openLink(
            index,
            exchange.pointee.view.pointee.pool(
                RouteIndex(rawValue: exchange.pointee.route),
                TargetIndex(rawValue: self.attempts[index].pointee.target)
            )
        )
    }

    /// What balances a client without a head: its address, or dice.
    func streamHash(
        _ view: UnsafeMutablePointer<SnapshotView>,
        _ upstream: UpstreamIndex,
        _ client: mesh_address
    ) -> UInt64 {
        let plan = view.pointee.upstreams + Int(upstream.rawValue)
        guard plan.pointee.hash.source == .clientAddress else { return self.generator.next() }
        return SeededGenerator.mix(client.low ^ SeededGenerator.mix(client.high))
    }

    /// The connection to the target is open: bytes may pass.
    func streamOpened(_ index: Int32) {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        exchange.pointee.status = 200
        exchange.pointee.answeredAt = self.now
        exchange.pointee.flags.insert(.responseBegun)
        self.relayCount += 1
        self.observeAnswer(exchange, status: 200)
        self.setAttemptTimer(index)
        self.lookAgain(place)
    }

    /// No target took the connection, or the last one failed.
    func closeStream(_ place: Int32) {
        let exchange = self.exchanges[place]
        if exchange.pointee.status == 0 {
            exchange.pointee.status = exchange.pointee.failure.status
        }
        if exchange.pointee.attempt >= 0 { self.endAttempt(exchange.pointee.attempt) }
        exchange.pointee.flags.insert(.requestComplete)
        self.finish(place)
    }
}
