internal import CMeshSystem
internal import Glibc

/// Accepting, reading, writing and closing: what both sides have in common.
extension Worker {
    /// Connections taken from a listener before other events get their turn.
    private static let acceptBatch = 64
    /// Milliseconds that accepting pauses when descriptors run out.
    private static let acceptPause: Int64 = 100

    /// What became of a read.
    enum Reading {
        case bytes(Int)
        /// Nothing there; an event will come.
        case drained
        case ended
        case broken
    }

    func accept(_ listener: Int) {
        guard listener < self.listeners.count else { return }
        for _ in 0..<Self.acceptBatch {
            guard self.clientCount < self.settings.configuration.maximumConnections else {
                return self.pauseAccepting()
            }
            var address = mesh_address()
            let descriptor = mesh_accept(self.listeners[listener].descriptor, &address)
            if descriptor == -ECONNABORTED { continue }
            if descriptor == -EMFILE || descriptor == -ENFILE || descriptor == -ENOBUFS
                || descriptor == -ENOMEM
            {
                return self.pauseAccepting()
            }
            guard descriptor >= 0 else { return }
            let index = self.open(descriptor, role: .client)
            guard index >= 0 else { return self.pauseAccepting() }
            let connection = self.connections[index]
            connection.pointee.address = address
            connection.pointee.port = self.listeners[listener].port
            self.clientCount += 1
            self.counters.add(WorkerCounter.accepted)
            self.counters.add(WorkerCounter.activeConnections)
            self.wheel.set(index, self.milliseconds + self.timeouts.head)
        }
    }

    /// Lets the kernel's queue hold further clients for a while.
    private func pauseAccepting() {
        guard self.isAccepting else { return }
        self.isAccepting = false
        self.counters.add(WorkerCounter.acceptPauses)
        self.acceptResumesAt = self.milliseconds + Self.acceptPause
        for listener in self.listeners {
            _ = mesh_epoll_remove(self.poller.descriptor, listener.descriptor)
        }
    }

    func resumeAccepting() {
        guard !self.isAccepting, !self.isDraining else { return }
        self.isAccepting = true
        for (index, listener) in self.listeners.enumerated() {
            let token = Self.token(listener: index)
            _ = mesh_epoll_add_level(self.poller.descriptor, listener.descriptor, token)
        }
    }

    /// Stops accepting: takes what already waits, then closes the listeners.
    func drain() {
        guard !self.isDraining else { return }
        for index in self.listeners.indices {
            // Closing a listener resets whom the kernel has accepted for it.
            for _ in 0..<Self.acceptBatch { self.accept(index) }
        }
        self.isDraining = true
        self.isAccepting = false
        self.acceptResumesAt = 0
        for listener in self.listeners { Glibc.close(listener.descriptor) }
        self.counters.add(WorkerCounter.listening, 0 &- UInt64(self.listeners.count))
        self.listeners = []
        for index in 0..<self.connections.end {
            let connection = self.connections[index]
            // A client that has not spoken yet may be about to; its first answer closes it.
            if connection.pointee.role == .client, connection.pointee.exchange < 0,
                connection.pointee.input.isEmpty, connection.pointee.output.isEmpty,
                connection.pointee.requests > 0
            {
                self.close(index)
            }
        }
    }

    /// Gives a descriptor a place and adds it to epoll; closes it and returns -1 when that fails.
    func open(_ descriptor: Int32, role: Connection.Role) -> Int32 {
        let index = self.connections.take()
        guard index >= 0 else {
            Glibc.close(descriptor)
            return -1
        }
        let place = self.connections[index]
        let generation = place.pointee.generation
        place.initialize(
            to: Connection(descriptor: descriptor, generation: generation, role: role)
        )
        let token = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index))
        guard mesh_epoll_add_stream(self.poller.descriptor, descriptor, token) == 0 else {
            Glibc.close(descriptor)
            place.pointee.role = .free
            self.connections.giveBack(index)
            return -1
        }
        return index
    }

    /// Closes a connection of any role that no exchange needs any more.
    func close(_ index: Int32) {
        let connection = self.connections[index]
        switch connection.pointee.role {
        case .free: return
        case .client, .lingering:
            if connection.pointee.exchange >= 0 { self.abandon(connection.pointee.exchange) }
            self.clientCount -= 1
            self.counters.subtract(WorkerCounter.activeConnections)
        case .idleUpstream: self.removeFromPool(index)
        case .connecting, .upstream: break
        }
        if connection.pointee.pool >= 0 { self.leavePool(connection.pointee.pool) }
        Glibc.close(connection.pointee.descriptor)
        connection.pointee.input.clear(to: &self.blocks)
        connection.pointee.output.clear(to: &self.blocks)
        connection.pointee.role = .free
        connection.pointee.exchange = -1
        // The top bit of a token marks listeners.
        connection.pointee.generation = (connection.pointee.generation &+ 1) & 0x7FFF_FFFF
        self.wheel.clear(index)
        self.connections.giveBack(index)
    }

    /// Reads once and keeps track of whether more is there.
    @inline(__always)
    func receive(_ index: Int32, at offset: Int, limit: Int) -> Reading {
        let connection = self.connections[index]
        let count = mesh_receive(connection.pointee.descriptor, self.input + offset, limit)
        if count > 0 {
            // Edge triggered: a short read has drained the socket, unless an end is waiting.
            if count < limit, !connection.pointee.flags.contains(.peerClosed) {
                connection.pointee.flags.remove(.readable)
            }
            return .bytes(count)
        }
        connection.pointee.flags.remove(.readable)
        if count == 0 { return .ended }
        return count == -Int(EAGAIN) ? .drained : .broken
    }

    /// Sends bytes, or keeps what the peer does not take; `false` when the connection is broken.
    @inline(__always)
    func send(_ index: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let connection = self.connections[index]
        guard !bytes.isEmpty else { return true }
        guard connection.pointee.output.isEmpty, connection.pointee.role != .connecting else {
            connection.pointee.output.append(bytes, from: &self.blocks)
            return true
        }
        let count = mesh_send(connection.pointee.descriptor, bytes.baseAddress, bytes.count)
        return self.keepRest(
            index,
            of: bytes,
            then: UnsafeRawBufferPointer(start: nil, count: 0),
            sent: count
        )
    }

    /// As ``send(_:_:)`` with two ranges.
    @inline(__always)
    func send(
        _ index: Int32,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer
    ) -> Bool {
        let connection = self.connections[index]
        guard !second.isEmpty else { return self.send(index, first) }
        guard connection.pointee.output.isEmpty, connection.pointee.role != .connecting else {
            connection.pointee.output.append(first, from: &self.blocks)
            connection.pointee.output.append(second, from: &self.blocks)
            return true
        }
        let count = mesh_send_pair(
            connection.pointee.descriptor,
            first.baseAddress,
            first.count,
            second.baseAddress,
            second.count
        )
        return self.keepRest(index, of: first, then: second, sent: count)
    }

    @inline(__always)
    private func keepRest(
        _ index: Int32,
        of first: UnsafeRawBufferPointer,
        then second: UnsafeRawBufferPointer,
        sent: Int
    ) -> Bool {
        let connection = self.connections[index]
        guard sent >= 0 || sent == -Int(EAGAIN) else { return false }
        let sent = max(0, sent)
        if sent > 0, connection.pointee.role == .upstream, connection.pointee.exchange >= 0 {
            self.exchanges[connection.pointee.exchange].pointee.flags.insert(.sent)
        }
        guard sent < first.count + second.count else { return true }
        if sent < first.count {
            let rest = UnsafeRawBufferPointer(rebasing: first[sent...])
            connection.pointee.output.append(rest, from: &self.blocks)
        }
        let skipped = max(0, sent - first.count)
        if skipped < second.count {
            let rest = UnsafeRawBufferPointer(rebasing: second[skipped...])
            connection.pointee.output.append(rest, from: &self.blocks)
        }
        return true
    }

    /// Sends what waits; `false` when the connection is broken.
    func flush(_ index: Int32) -> Bool {
        let connection = self.connections[index]
        while !connection.pointee.output.isEmpty {
            let bytes = connection.pointee.output.first
            let count = mesh_send(connection.pointee.descriptor, bytes.baseAddress, bytes.count)
            guard count >= 0 || count == -Int(EAGAIN) else { return false }
            guard count > 0 else { return true }
            if connection.pointee.role == .upstream, connection.pointee.exchange >= 0 {
                self.exchanges[connection.pointee.exchange].pointee.flags.insert(.sent)
            }
            connection.pointee.output.consume(count, to: &self.blocks)
            if count < bytes.count { return true }
        }
        return true
    }
}
