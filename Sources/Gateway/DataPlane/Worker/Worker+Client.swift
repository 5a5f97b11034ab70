internal import CMeshSystem
internal import MeshHTTP

/// The client's side of a connection: heads in, bodies in, time limits, the way out.
extension Worker {
    /// Bytes of a partial head that may wait unread for the end of their line.
    private static let unreadLimit: Int32 = 1_024

    func clientEvent(_ index: Int32, _ event: Poller.Event) {
        if event.hasFailed { return self.close(index) }
        if event.isWritable, !self.connections[index].pointee.output.isEmpty {
            guard self.flush(index) else { return self.close(index) }
            guard self.clientDrained(index) else { return }
        }
        if event.isReadable { self.clientReadable(index) }
    }

    /// After a flush: goes on with what waited for it; `false` when the connection is gone.
    private func clientDrained(_ index: Int32) -> Bool {
        let connection = self.connections[index]
        guard connection.pointee.output.isEmpty else {
            self.wheel.set(index, self.milliseconds + self.timeouts.writeStall)
            return true
        }
        if connection.pointee.flags.contains(.closesWhenWritten) {
            self.leave(index)
            return false
        }
        let exchange = connection.pointee.exchange
        guard exchange >= 0 else {
            self.wheel.set(index, self.milliseconds + self.timeouts.idle)
            self.postpone(index)
            return true
        }
        self.setClientTimer(exchange)
        self.setUpstreamTimer(exchange)
        let upstream = self.exchanges[exchange].pointee.upstream
        if upstream >= 0, self.connections[upstream].pointee.role == .upstream {
            self.upstreamReadable(upstream)
        }
        return self.connections[index].pointee.role == .client
    }

    /// Reads what the client sent, as far as it can be used now.
    func clientReadable(_ index: Int32) {
        let connection = self.connections[index]
        while connection.pointee.role == .client {
            if connection.pointee.exchange >= 0 {
                guard self.readRequestBody(index) else { return }
            } else if connection.pointee.flags.contains(.closesWhenWritten)
                || !connection.pointee.output.isEmpty
            {
                return
            } else {
                guard self.readHead(index) else { return }
            }
        }
    }

    /// Tries to read one head and begins its exchange; `false` when nothing more can be done now.
    private func readHead(_ index: Int32) -> Bool {
        let connection = self.connections[index]
        let kept = connection.pointee.input.count
        var total = kept
        if kept == 0 || connection.pointee.flags.contains(.headIncomplete) {
            guard connection.pointee.flags.contains(.readable) else { return false }
            switch self.receive(index, at: kept, limit: Self.readLimit) {
            case .bytes(let count):
                let added = UnsafeRawBufferPointer(start: self.input + kept, count: count)
                guard kept == 0 || self.isWorthReading(connection, added) else {
                    connection.pointee.input.append(added, from: &self.blocks)
                    return connection.pointee.flags.contains(.readable)
                }
                total += count
            case .drained: return false
            case .ended, .broken:
                self.close(index)
                return false
            }
        }
        if kept > 0 { _ = connection.pointee.input.copy(to: self.input) }
        if kept == 0 || !connection.pointee.flags.contains(.headIncomplete) {
            connection.pointee.since = self.now
        }
        let bytes = UnsafeRawBufferPointer(start: self.input, count: total)
        let parsed = RequestHead.parseRequest(
            bytes,
            into: &self.request,
            fields: self.fields,
            limits: self.limits
        )
        switch parsed {
        case .incomplete:
            if !connection.pointee.flags.contains(.headIncomplete) {
                connection.pointee.flags.insert(.headIncomplete)
                self.wheel.set(index, self.milliseconds + self.timeouts.head)
            }
            let added = UnsafeRawBufferPointer(rebasing: bytes[kept...])
            connection.pointee.input.append(added, from: &self.blocks)
            connection.pointee.unread = 0
            return connection.pointee.flags.contains(.readable)
        case .invalid(let fault):
            connection.pointee.input.clear(to: &self.blocks)
            self.refuse(index, fault)
            return false
        case .complete(let consumed):
            connection.pointee.input.clear(to: &self.blocks)
            connection.pointee.flags.remove(.headIncomplete)
            self.requestBytes = UnsafeRawBufferPointer(rebasing: bytes[..<consumed])
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            self.serve(index, rest: rest)
            return true
        }
    }

    /// Whether what was added to a partial head can make a difference to it: it ends a line, or has
    /// become long.
    ///
    /// A head is always read from its start, so a client that sends byte by byte must not have it
    /// read for every byte.
    private func isWorthReading(
        _ connection: UnsafeMutablePointer<Connection>,
        _ added: UnsafeRawBufferPointer
    ) -> Bool {
        connection.pointee.unread += Int32(added.count)
        return connection.pointee.unread >= Self.unreadLimit
            || mesh_find_byte(added.baseAddress, 0, added.count, 0x0A) < added.count
    }

    /// Reads more of the request's body if the target can take it; `false` when that must wait.
    func readRequestBody(_ index: Int32) -> Bool {
        let connection = self.connections[index]
        let place = connection.pointee.exchange
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.requestComplete),
            connection.pointee.flags.contains(.readable)
        else { return false }
        let upstream = exchange.pointee.upstream
        if !exchange.pointee.flags.contains(.discardsRequest) {
            guard upstream >= 0, self.connections[upstream].pointee.role == .upstream,
                self.connections[upstream].pointee.output.isEmpty
            else { return false }
        }
        switch self.receive(index, at: 0, limit: 64 * 1_024) {
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(start: self.input, count: count)
            self.continueRequest(place, bytes)
            return true
        case .drained: return false
        case .ended where exchange.pointee.flags.contains(.isTunnel):
            self.endTunnel(place)
            return false
        case .ended, .broken:
            self.close(index)
            return false
        }
    }

    /// Throws away what an answered client still sends, until it ends or its time is up.
    func linger(_ index: Int32) {
        while self.connections[index].pointee.flags.contains(.readable) {
            switch self.receive(index, at: 0, limit: 64 * 1_024) {
            case .bytes: continue
            case .drained: return
            case .ended, .broken: return self.close(index)
            }
        }
    }

    /// Ends a connection whose last answer is written.
    func leave(_ index: Int32) {
        let connection = self.connections[index]
        guard connection.pointee.output.isEmpty else {
            connection.pointee.flags.insert(.closesWhenWritten)
            self.wheel.set(index, self.milliseconds + self.timeouts.writeStall)
            return
        }
        let mustLinger =
            connection.pointee.flags.contains(.lingersWhenWritten)
            || connection.pointee.flags.contains(.readable)
        guard mustLinger, !connection.pointee.flags.contains(.peerClosed),
            mesh_shutdown_write(connection.pointee.descriptor) == 0
        else { return self.close(index) }
        // Closing now would reset the connection and might take our answer with it.
        connection.pointee.role = .lingering
        connection.pointee.input.clear(to: &self.blocks)
        self.wheel.set(index, self.milliseconds + self.timeouts.linger)
        self.linger(index)
    }

    func clientTimedOut(_ index: Int32) {
        let connection = self.connections[index]
        let place = connection.pointee.exchange
        if !connection.pointee.output.isEmpty { return self.reset(index) }
        guard place >= 0 else {
            guard connection.pointee.flags.contains(.headIncomplete) else {
                return self.close(index)
            }
            return self.refuse(index, status: 408)
        }
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.requestComplete),
            !exchange.pointee.flags.contains(.isTunnel)
        else { return }
        if self.isWaitingForUpstream(exchange) || exchange.pointee.progress >= 1_024 {
            return self.setClientTimer(place)
        }
        if exchange.pointee.flags.contains(.responseBegun) { return self.reset(index) }
        self.answer(place, status: 408)
    }

    /// Whether the request's body is held back by the target rather than by the client.
    private func isWaitingForUpstream(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let upstream = exchange.pointee.upstream
        guard upstream >= 0 else { return true }
        return self.connections[upstream].pointee.role == .connecting
            || !self.connections[upstream].pointee.output.isEmpty
    }

    /// Sets the client's time limit by what the exchange waits for.
    @inline(__always)
    func setClientTimer(_ place: Int32) {
        let exchange = self.exchanges[place]
        let client = exchange.pointee.client
        if !self.connections[client].pointee.output.isEmpty {
            self.wheel.set(client, self.milliseconds + self.timeouts.writeStall)
        } else if exchange.pointee.flags.contains(.requestComplete)
            || exchange.pointee.flags.contains(.isTunnel)
        {
            self.wheel.clear(client)
        } else {
            exchange.pointee.progress = 0
            self.wheel.set(client, self.milliseconds + self.timeouts.bodyProgress)
        }
    }

    /// Closes a client so that it cannot take a cut answer for a whole one.
    func reset(_ index: Int32) {
        mesh_reset_on_close(self.connections[index].pointee.descriptor)
        self.close(index)
    }
}
