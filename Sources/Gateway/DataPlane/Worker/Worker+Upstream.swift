internal import CMeshSystem
internal import MeshHTTP

/// Connections to targets: kept ones, new ones, their events and time limits.
extension Worker {
    /// Gives the exchange a connection, kept or just begun; `false` when none can be begun.
    func acquireConnection(_ place: Int32, _ pool: Int32) -> Bool {
        let exchange = self.exchanges[place]
        let wantsFresh = exchange.pointee.flags.contains(.wantsFreshConnection)
        exchange.pointee.flags.remove([.reusedConnection, .wantsFreshConnection])
        let kept = self.pools[Int(pool)].first
        if kept >= 0, !wantsFresh {
            self.removeFromPool(kept)
            self.connections[kept].pointee.role = .upstream
            self.connections[kept].pointee.requests &+= 1
            exchange.pointee.flags.insert(.reusedConnection)
            self.attach(kept, to: place)
            return true
        }
        guard let target = self.targetPlan(exchange) else { return false }
        var address = target.pointee.address
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0 else { return false }
        let index = self.open(descriptor, role: .connecting)
        guard index >= 0 else { return false }
        self.connections[index].pointee.pool = pool
        self.joinPool(pool)
        self.connections[index].pointee.requests = 1
        self.counters.add(WorkerCounter.upstreamConnections)
        self.attach(index, to: place)
        return true
    }

    @inline(__always)
    private func attach(_ index: Int32, to place: Int32) {
        self.connections[index].pointee.exchange = place
        self.exchanges[place].pointee.upstream = index
    }

    /// Parts the exchange from its connection, which is kept for another request if it can be.
    func releaseUpstream(_ exchange: UnsafeMutablePointer<Exchange>) {
        let index = exchange.pointee.upstream
        guard index >= 0 else { return }
        exchange.pointee.upstream = -1
        let connection = self.connections[index]
        connection.pointee.exchange = -1
        let flags = exchange.pointee.flags
        guard flags.contains([.keepsUpstream, .requestComplete]),
            !flags.contains(.discardsRequest), connection.pointee.output.isEmpty,
            connection.pointee.input.isEmpty, connection.pointee.role == .upstream,
            connection.pointee.flags.isDisjoint(with: [.readable, .peerClosed]),
            connection.pointee.requests < UpstreamPool.requestLimit,
            self.hasRoom(connection.pointee.pool)
        else { return self.close(index) }
        self.addToPool(index)
    }

    private func addToPool(_ index: Int32) {
        let connection = self.connections[index]
        let pool = Int(connection.pointee.pool)
        let first = self.pools[pool].first
        connection.pointee.role = .idleUpstream
        connection.pointee.next = first
        connection.pointee.previous = -1
        if first >= 0 { self.connections[first].pointee.previous = index }
        self.pools[pool].first = index
        self.pools[pool].count += 1
        self.wheel.set(index, self.milliseconds + UpstreamPool.idleMilliseconds)
    }

    func removeFromPool(_ index: Int32) {
        let connection = self.connections[index].pointee
        let pool = Int(connection.pool)
        if connection.previous >= 0 {
            self.connections[connection.previous].pointee.next = connection.next
        } else {
            self.pools[pool].first = connection.next
        }
        if connection.next >= 0 {
            self.connections[connection.next].pointee.previous = connection.previous
        }
        self.pools[pool].count -= 1
    }

    /// A kept connection speaks unasked or ends: it is of no more use.
    func idleEvent(_ index: Int32) {
        guard self.connections[index].pointee.flags.contains(.readable) else { return }
        // An event of data that was read since finds nothing; then the connection is sound.
        if case .drained = self.receive(index, at: 0, limit: 1) { return }
        self.close(index)
    }

    func connectEvent(_ index: Int32, _ event: Poller.Event) {
        let connection = self.connections[index]
        guard event.isWritable || event.hasFailed else { return }
        let place = connection.pointee.exchange
        guard mesh_socket_error(connection.pointee.descriptor) == 0, !event.hasFailed else {
            return self.attemptFailed(place, .connect)
        }
        connection.pointee.role = .upstream
        guard self.flush(index) else { return self.attemptFailed(place, .reset) }
        guard self.allowContinue(place) else { return }
        self.upstreamWritten(index)
    }

    func upstreamEvent(_ index: Int32, _ event: Poller.Event) {
        let connection = self.connections[index]
        let place = connection.pointee.exchange
        if event.isWritable, !connection.pointee.output.isEmpty {
            guard self.flush(index) else { return self.sendFailed(place) }
            self.upstreamWritten(index)
        }
        guard event.isReadable || event.hasFailed,
            connection.pointee.exchange == place, connection.pointee.role == .upstream
        else { return }
        // After a failure the read tells what came before it.
        connection.pointee.flags.insert(.readable)
        self.upstreamReadable(index)
    }

    /// After a flush: goes on reading the request's body if that waited.
    private func upstreamWritten(_ index: Int32) {
        let connection = self.connections[index]
        let place = connection.pointee.exchange
        self.setUpstreamTimer(place)
        guard connection.pointee.output.isEmpty else { return }
        self.setClientTimer(place)
        let client = self.exchanges[place].pointee.client
        if self.connections[client].pointee.flags.contains(.readable),
            !self.exchanges[place].pointee.flags.contains(.requestComplete)
        {
            self.postpone(client)
        }
    }

    /// The target takes no more bytes; it may have answered before it stopped.
    func sendFailed(_ place: Int32) {
        let exchange = self.exchanges[place]
        let index = exchange.pointee.upstream
        exchange.pointee.flags.insert(.discardsRequest)
        let connection = self.connections[index]
        connection.pointee.output.clear(to: &self.blocks)
        connection.pointee.flags.insert(.readable)
        self.upstreamReadable(index)
    }

    /// Reads what the target sent, as far as the client can take it.
    func upstreamReadable(_ index: Int32) {
        let connection = self.connections[index]
        while connection.pointee.role == .upstream, connection.pointee.flags.contains(.readable) {
            let place = connection.pointee.exchange
            let exchange = self.exchanges[place]
            let client = exchange.pointee.client
            guard self.connections[client].pointee.output.isEmpty else {
                // The client is the slower side: its own time limit counts now.
                return self.wheel.clear(index)
            }
            let kept = connection.pointee.input.copy(to: self.input)
            switch self.receive(index, at: kept, limit: Self.readLimit) {
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(start: self.input, count: kept + count)
                guard self.takeResponse(place, bytes, kept: kept) else { return }
            case .drained: return
            case .ended: return self.upstreamEnded(place)
            case .broken: return self.upstreamBroken(place)
            }
        }
    }

    private func upstreamEnded(_ place: Int32) {
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.isTunnel) { return self.endTunnel(place) }
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.attemptFailed(place, .reset)
        }
        guard exchange.pointee.responseFraming == .untilClose else {
            return self.reset(exchange.pointee.client)
        }
        exchange.pointee.flags.remove(.keepsUpstream)
        if exchange.pointee.clientFraming == .chunked {
            let last: StaticString = "0\r\n\r\n"
            let bytes = UnsafeRawBufferPointer(start: last.utf8Start, count: 5)
            guard self.send(exchange.pointee.client, bytes) else {
                return self.close(exchange.pointee.client)
            }
            exchange.pointee.returned &+= 5
        }
        self.finish(place)
    }

    private func upstreamBroken(_ place: Int32) {
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.responseBegun) {
            return self.reset(exchange.pointee.client)
        }
        self.attemptFailed(place, .reset)
    }

    /// One side of a WebSocket has ended: what is on its way is written, then both are closed.
    func endTunnel(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.remove([.keepsUpstream, .keepsClient])
        exchange.pointee.flags.insert(.requestComplete)
        self.finish(place)
    }

    /// Sets the target's time limit by what the exchange waits for: Kong's three timeouts.
    @inline(__always)
    func setUpstreamTimer(_ place: Int32) {
        let exchange = self.exchanges[place]
        let index = exchange.pointee.upstream
        guard index >= 0, exchange.pointee.route >= 0 else { return }
        let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
        let connection = self.connections[index]
        if connection.pointee.role == .connecting {
            self.wheel.set(index, self.milliseconds + route.pointee.connectTimeout)
        } else if !connection.pointee.output.isEmpty {
            self.wheel.set(index, self.milliseconds + route.pointee.writeTimeout)
        } else if exchange.pointee.flags.isDisjoint(with: [.requestComplete, .responseBegun]) {
            // The client still owes its body; its own time limit counts.
            self.wheel.clear(index)
        } else {
            self.wheel.set(index, self.milliseconds + route.pointee.readTimeout)
        }
    }

    func upstreamTimedOut(_ index: Int32) {
        let place = self.connections[index].pointee.exchange
        guard place >= 0 else { return self.close(index) }
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.responseBegun) {
            if exchange.pointee.flags.contains(.isTunnel) { return self.endTunnel(place) }
            return self.reset(exchange.pointee.client)
        }
        self.attemptFailed(place, .timeout)
    }
}
