internal import CMeshSystem
internal import MeshTLS

/// The first moments of a client's link, before its first request: who it is, TLS, which protocol.
extension Worker {
    /// A client was taken from a listener.
    func clientAccepted(_ index: Int32) {
        let link = self.io[index]
        let listener = self.listenerKinds[Int(link.pointee.listener)]
        if listener == .tcp || listener == .tls { link.pointee.flags.insert(.isStream) }
        guard !self.listenersWithProxyHeader.contains(link.pointee.listener) else {
            link.pointee.flags.insert(.expectsProxyHeader)
            return
        }
        self.clientKnown(index)
    }

    /// The client's address is known; `false` when the link is gone.
    @discardableResult
    private func clientKnown(_ index: Int32) -> Bool {
        let link = self.io[index]
        switch self.listenerKinds[Int(link.pointee.listener)] {
        case .http: return true
        case .https:
            guard let context = self.contexts.server, self.io.startTLS(index, as: context) else {
                self.close(index)
                return false
            }
            return true
        case .tcp:
            // A target may speak first: the client is not waited for.
            self.streamArrived(index)
            return self.io[index].pointee.role == .client
        case .tls: return true
        }
    }

    /// Does what must come before a client's bytes are read; `false` when they must not be yet.
    func prepare(_ index: Int32) -> Bool {
        let link = self.io[index]
        if link.pointee.flags.contains(.expectsProxyHeader) {
            guard self.takeProxyHeader(index), self.clientKnown(index) else { return false }
        }
        if link.pointee.flags.contains(.isStream), link.pointee.owner < 0 {
            self.streamArrived(index)
            guard link.pointee.role == .client, link.pointee.owner >= 0 else { return false }
        }
        return true
    }

    /// How many times as long as a step has taken the next one waits at most for a pass of the loop
    /// without other work.
    private static let handshakePatience: Int64 = 3

    /// Whether a step of a handshake may be taken now; otherwise the link waits for its turn.
    func mayHandshake(_ index: Int32) -> Bool {
        guard !self.isTakingHandshake else { return true }
        self.deferredEvents += 1
        let link = self.io[index]
        guard !link.pointee.flags.contains(.awaitsHandshake) else { return false }
        link.pointee.flags.insert(.awaitsHandshake)
        self.waitingHandshakes.append(index)
        return false
    }

    /// Takes one step of the handshake that has waited longest, after a pass that had no other work.
    ///
    /// A step may take the time of ten requests. In a storm a request that arrives waits for at most
    /// the one that is being taken; where there is always other work, steps get a quarter of the time.
    ///
    /// - Parameter eventCount: the events of this pass.
    func takeHandshake(eventCount: Int) {
        let isQuiet = eventCount <= self.deferredEvents
        guard isQuiet || self.now >= self.handshakeAt else { return }
        let begin = mesh_clock_nanoseconds()
        var taken = 0
        while taken < self.waitingHandshakes.count {
            let index = self.waitingHandshakes[taken]
            taken += 1
            let link = self.io[index]
            guard link.pointee.flags.contains(.awaitsHandshake) else { continue }
            link.pointee.flags.remove(.awaitsHandshake)
            guard link.pointee.role == .client, link.pointee.phase == .handshaking else { continue }
            self.isTakingHandshake = true
            self.clientEvent(index, Poller.Event.readyAgain)
            self.isTakingHandshake = false
            self.takePending()
            break
        }
        self.waitingHandshakes.removeFirst(taken)
        let end = mesh_clock_nanoseconds()
        self.handshakeAt = end + Self.handshakePatience * (end - begin)
    }

    /// A client's handshake is done; `false` when the link is gone.
    func clientOpened(_ index: Int32) -> Bool {
        self.counters.add(WorkerCounter.handshakes)
        if self.io[index].pointee.flags.contains(.isStream) {
            if self.io[index].pointee.owner >= 0 {
                self.dispatchStream(self.io[index].pointee.owner)
            }
        } else if self.io.speaksHTTP2(index) {
            self.beginSession(index, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return self.io[index].pointee.role == .client
    }

    /// TLS was not agreed on, or not in time.
    func handshakeFailed(_ index: Int32) {
        self.counters.add(WorkerCounter.failedHandshakes)
        self.close(index)
    }

    /// A link to a target is idle for too long, or does not take frames.
    func targetLinkTimedOut(_ index: Int32) {
        guard let session = self.session(index) else { return self.close(index) }
        guard session.users.isEmpty, self.io[index].pointee.isWritten else {
            return self.targetSessionFailed(index, .writeTimeout)
        }
        self.close(index)
    }

    func exchangeTimedOut(_ place: Int32) {
        if self.suspensionTimedOut(place) { return }
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else { return self.streamTimedOut(place) }
        let deadline = exchange.pointee.deadline
        if deadline > 0, self.milliseconds >= deadline { self.deadlinePassed(place) }
    }
}
