internal import CMeshSystem
internal import Glibc

/// Taking clients from listeners, and emptying the worker.
extension Worker {
    /// Connections taken from a listener before other events get their turn; the beginning of TLS costs
    /// several times what taking a connection does.
    private static let acceptBatch = 64
    private static let secureAcceptBatch = 8
    /// Batches taken from a listener before it is closed.
    private static let drainBatches = 512
    /// Milliseconds that accepting pauses when descriptors run out.
    private static let acceptPause: Int64 = 100
    /// Milliseconds that an idle client is still listened to after listeners are closed: a request
    /// may be on its way, and is answered with `Connection: close` then.
    static let drainPatience: Int64 = 1_000

    /// A listener has clients that wait.
    func listenerReadable(_ listener: Int) {
        guard listener < self.listeners.count else { return }
        guard self.listenerKinds[listener] == .https else {
            self.accept(listener, batch: Self.acceptBatch)
            return
        }
        self.deferredEvents += 1
        let isStorm = !self.waitingHandshakes.isEmpty
        self.accept(listener, batch: isStorm ? 1 : Self.secureAcceptBatch)
    }

    /// Takes a batch of connections from a listener; `false` when no more wait there for now.
    @discardableResult
    private func accept(_ listener: Int, batch: Int) -> Bool {
        for _ in 0..<batch {
            guard self.clientCount < self.settings.configuration.maximumConnections else {
                self.pauseAccepting()
                return false
            }
            var address = mesh_address()
            let descriptor = mesh_accept(self.listeners[listener].descriptor, &address)
            if descriptor == -ECONNABORTED { continue }
            if descriptor == -EMFILE || descriptor == -ENFILE || descriptor == -ENOBUFS
                || descriptor == -ENOMEM
            {
                self.pauseAccepting()
                return false
            }
            guard descriptor >= 0 else { return false }
            guard self.clientsByAddress.admit(address) else {
                self.counters.add(WorkerCounter.refusedConnections)
                Glibc.close(descriptor)
                continue
            }
            let index = self.io.add(descriptor, role: .client, phase: .open)
            guard index >= 0 else {
                self.clientsByAddress.forget(address)
                self.pauseAccepting()
                return false
            }
            let link = self.io[index]
            link.pointee.address = address
            link.pointee.listener = UInt16(listener)
            self.clientCount += 1
            self.counters.add(WorkerCounter.accepted)
            self.counters.add(WorkerCounter.activeConnections)
            self.timers.set(.link, index, self.milliseconds + self.timeouts.head)
            self.clientAccepted(index)
        }
        return true
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
            var batches = 0
            while batches < Self.drainBatches, self.accept(index, batch: Self.acceptBatch) {
                batches += 1
            }
        }
        self.isDraining = true
        self.isAccepting = false
        self.acceptResumesAt = 0
        for listener in self.listeners {
            // A successor may have the socket, too: closing it here would not end its events.
            _ = mesh_epoll_remove(self.poller.descriptor, listener.descriptor)
            Glibc.close(listener.descriptor)
        }
        self.counters.add(WorkerCounter.listening, 0 &- UInt64(self.listeners.count))
        self.listeners = []
        for index in 0..<self.io.end where self.io[index].pointee.role == .client {
            self.drainClient(index)
        }
    }

    /// Sends clients elsewhere, or takes that back; HTTP/2 clients are told at once.
    func setClosing(_ isClosing: Bool) {
        self.isClosing = isClosing
        guard isClosing else { return }
        for index in 0..<self.io.end
        where self.io[index].pointee.role == .client && self.io[index].pointee.session != nil {
            self.announceLeaving(index)
        }
    }

    private func drainClient(_ index: Int32) {
        let link = self.io[index]
        if link.pointee.session != nil {
            self.announceLeaving(index)
            return self.timers.set(.link, index, self.milliseconds + Self.drainPatience)
        }
        guard link.pointee.owner < 0, link.pointee.isWritten, link.pointee.input.isEmpty else {
            return
        }
        // A client that has not spoken yet keeps the time it has for its first head.
        guard link.pointee.requests > 0 else { return }
        self.timers.set(.link, index, self.milliseconds + Self.drainPatience)
    }
}
