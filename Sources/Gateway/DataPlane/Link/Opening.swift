internal import CMeshSystem
internal import MeshTLS

/// The first moments of a client's link, before its first request: TLS, and which protocol it speaks.
extension Worker {
    /// A client was taken from a listener.
    func clientAccepted(_ index: Int32) {
        let link = self.io[index]
        switch self.listenerKinds[Int(link.pointee.listener)] {
        case .http: break
        case .https:
            guard let context = self.contexts.server, self.io.startTLS(index, as: context) else {
                return self.close(index)
            }
        case .tcp, .tls: self.close(index)
        }
    }

    /// A client's handshake is done; `false` when the link is gone.
    func clientOpened(_ index: Int32) -> Bool {
        self.counters.add(WorkerCounter.handshakes)
        if self.io.speaksHTTP2(index) {
            self.beginSession(index, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return self.io[index].pointee.role == .client
    }

    /// TLS was not agreed on; an alert has said so.
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
        if self.exchanges[place].pointee.stream != 0 { self.streamTimedOut(place) }
    }
}
