internal import MeshHTTP

/// Exchanges whose two sides have agreed on another protocol: bytes pass as they are, both ways.
///
/// Each side may finish writing while the other goes on (half-close). Whoever is slower holds the
/// other back, as with bodies; the idle limit is the service's `read_timeout`, as in Kong.
extension Worker {
    /// The target agreed: passes its answer on, then what has come early from either side.
    ///
    /// Returns `false` when reading from the target must not go on.
    func beginRelay(_ index: Int32, head: Int, _ rest: UnsafeRawBufferPointer) -> Bool {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        self.relayCount += 1
        exchange.pointee.decoder = BodyDecoder(.untilClose)
        self.attempts[index].pointee.decoder = BodyDecoder(.untilClose)
        self.attempts[index].pointee.flags.remove([.sendsChunks, .keepsLink])
        guard self.sendToClient(place, head: head, rest, isLast: false) else {
            self.closeClient(place)
            return false
        }
        exchange.pointee.frames.take(rest)
        self.setClientTimer(place)
        self.setAttemptTimer(index)
        guard self.relayEarly(place, index) else { return false }
        self.lookAgain(place)
        return self.clientTakesMore(place)
    }

    /// Sends what the client sent with its request, or before the answer to it.
    private func relayEarly(_ place: Int32, _ index: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else { return self.relayHeld(place, index) }
        let link = self.io[exchange.pointee.client]
        let count = link.pointee.input.count
        guard count > 0 else { return true }
        exchange.pointee.received &+= UInt64(count)
        var next = link.pointee.input.pieces
        while let piece = next.next() {
            guard self.sendToTarget(index, head: 0, piece, isLast: false) else {
                self.endRelay(place)
                return false
            }
        }
        link.pointee.input.clear(to: &self.io.blocks)
        return true
    }

    private func relayHeld(_ place: Int32, _ index: Int32) -> Bool {
        let exchange = self.exchanges[place]
        var next = exchange.pointee.held.pieces
        while let piece = next.next() {
            guard self.sendToTarget(index, head: 0, piece, isLast: false) else {
                self.endRelay(place)
                return false
            }
        }
        exchange.pointee.held.clear(to: &self.io.blocks)
        return true
    }

    /// The client has finished writing.
    func relayClientEnded(_ place: Int32) {
        let exchange = self.exchanges[place]
        let index = exchange.pointee.attempt
        exchange.pointee.flags.insert(.requestComplete)
        guard index >= 0, !exchange.pointee.flags.contains(.responseComplete) else {
            return self.endRelay(place)
        }
        guard self.finishTarget(index) else { return self.endRelay(place) }
        self.setAttemptTimer(index)
    }

    /// The target has finished writing.
    func relayTargetEnded(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.insert(.responseComplete)
        guard !exchange.pointee.flags.contains(.requestComplete) else {
            if exchange.pointee.stream != 0 { _ = self.finishClient(place) }
            return self.relayWritten(place)
        }
        guard self.finishClient(place) else { return self.endRelay(place) }
        if exchange.pointee.attempt >= 0 { self.setAttemptTimer(exchange.pointee.attempt) }
    }

    /// Ends a relay both of whose sides have finished, once everything is written.
    func relayWritten(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains([.requestComplete, .responseComplete]) else {
            return
        }
        let index = exchange.pointee.attempt
        let isWritten =
            index < 0 || self.attempts[index].pointee.link < 0
            || self.io[self.attempts[index].pointee.link].pointee.isWritten
        if isWritten { self.endRelay(place) }
    }

    /// Tells the clients of open WebSockets that the node goes away (RFC 6455 section 7.4.1, 1001),
    /// and ends those that were told by an earlier call.
    func closeWebSockets(endingTold: Bool = true) {
        for link in 0..<self.io.end where self.io[link].pointee.role == .client {
            for place in self.exchanges(of: link) { self.closeWebSocket(place, endingTold) }
            if let session = self.session(link) { self.runSession(session) }
        }
    }

    /// Ends exchanges that have lasted longer than `age`; WebSockets have a goodbye of their own.
    func cutRequests(olderThan age: Duration) {
        let seconds = age.components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !seconds.overflow else { return }
        let latest = self.now - seconds.partialValue
        for link in 0..<self.io.end where self.io[link].pointee.role == .client {
            for place in self.exchanges(of: link) { self.cut(place, begunBefore: latest) }
            if let session = self.session(link) { self.runSession(session) }
        }
    }

    private func cut(_ place: Int32, begunBefore latest: Int64) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.begunAt < latest,
            !exchange.pointee.flags.isSuperset(of: [.isRelay, .asksUpgrade])
        else { return }
        exchange.pointee.failure = ProxyFailure(cause: .stopped)
        // Nor is what waits on disk for a slow client waited for.
        exchange.pointee.flags.remove(.responseSpilled)
        guard exchange.pointee.flags.contains(.isRelay) else {
            return self.refuseBody(place, status: ProxyFailure(cause: .stopped).status)
        }
        exchange.pointee.flags.insert(.isCut)
        self.endRelay(place)
    }

    private func exchanges(of link: Int32) -> ContiguousArray<Int32> {
        if let session = self.session(link) { return session.users }
        let place = self.io[link].pointee.owner
        return place >= 0 ? [place] : []
    }

    private func closeWebSocket(_ place: Int32, _ endingTold: Bool) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains([.isRelay, .asksUpgrade]) else { return }
        guard !exchange.pointee.flags.contains(.isToldToLeave) else {
            if endingTold { self.endRelay(place) }
            return
        }
        exchange.pointee.flags.insert(.isToldToLeave)
        guard exchange.pointee.frames.isBetweenFrames else { return }
        WebSocketFrames.goingAway.withUnsafeBytes { bytes in
            _ = self.sendToClient(place, head: 0, bytes, isLast: exchange.pointee.stream != 0)
        }
    }

    /// Ends both sides; what was already taken for the client is still written.
    func endRelay(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.remove(.keepsClient)
        exchange.pointee.flags.insert(.requestComplete)
        self.finish(place)
    }

    private func finishTarget(_ index: Int32) -> Bool {
        let attempt = self.attempts[index].pointee
        guard attempt.stream == 0 else {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            return self.sendToTarget(index, head: 0, nothing, isLast: true)
        }
        return attempt.link >= 0 && self.io.finishWriting(attempt.link)
    }

    private func finishClient(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            return self.sendToClient(place, head: 0, nothing, isLast: true)
        }
        return self.io.finishWriting(exchange.pointee.client)
    }
}
