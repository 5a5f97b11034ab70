internal import MeshHTTP

/// Bodies that are too long to wait in memory: onto disk, and from there on to where they go.
extension Worker {
    /// Milliseconds without another try after a file could not be opened.
    private static let spillPause: Int64 = 1_000

    private var spillRoom: Int {
        self.settings.configuration.bodyBufferDiskLimit - self.spills.byteCount
    }

    private func openSpill() -> SpilledBody? {
        let configuration = self.settings.configuration
        guard configuration.bodyBufferDiskLimit > 0, self.milliseconds >= self.spills.pausedUntil
        else { return nil }
        guard self.spillRoom > 0,
            let body = SpilledBody(directory: configuration.bodyBufferDirectory ?? "/var/tmp")
        else {
            self.counters.add(WorkerCounter.spillFailures)
            self.spills.pausedUntil = self.milliseconds + Self.spillPause
            return nil
        }
        self.counters.add(WorkerCounter.spilledBodies)
        return body
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to body: SpilledBody) {
        let (before, wasFull) = (body.byteCount, body.isFull)
        body.append(bytes, room: self.spillRoom, &self.io.blocks)
        self.spills.byteCount += body.byteCount - before
        if body.isFull, !wasFull { self.counters.add(WorkerCounter.spillFailures) }
    }

    private func close(_ body: SpilledBody?) {
        guard let body else { return }
        self.spills.byteCount -= body.byteCount
        body.close(&self.io.blocks)
    }

    /// Gives back what an exchange that ends has on disk.
    func closeSpills(_ place: Int32) {
        self.close(self.spills.requests.removeValue(forKey: place))
        self.close(self.spills.responses.removeValue(forKey: place))
    }

    /// Puts more of a request's body onto disk; `false` when there is no room for all that is to
    /// come: it is taken in all the same, and the request must go on.
    func spillRequest(_ place: Int32, _ plain: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        guard let body = self.spills.requests[place] ?? self.openSpill() else {
            exchange.pointee.replay.append(plain, from: &self.io.blocks)
            return false
        }
        self.spills.requests[place] = body
        exchange.pointee.flags.insert([.hasSpill, .requestSpilled])
        self.append(plain, to: body)
        return !body.isFull
    }

    /// A new attempt gets all of the request's body, also what is on disk.
    func rewindSpill(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard exchange.pointee.flags.contains(.hasSpill),
            let body = self.spills.requests[self.place(of: exchange)]
        else { return }
        body.rewind()
        if !body.isEmpty { exchange.pointee.flags.insert(.requestSpilled) }
    }

    /// Whether what was sent of the request can be sent again.
    func isRepeatable(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        guard exchange.pointee.flags.contains(.isKept) else { return false }
        guard exchange.pointee.flags.contains(.hasSpill) else { return true }
        return self.spills.requests[self.place(of: exchange)]?.isRewindable ?? true
    }

    /// The request will not be sent again.
    func dropRequestSpill(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard exchange.pointee.flags.contains(.hasSpill),
            !exchange.pointee.flags.contains(.requestSpilled)
        else { return }
        self.close(self.spills.requests.removeValue(forKey: self.place(of: exchange)))
    }

    /// Sends a part of a response to the client, or keeps it on disk when too much waits for the
    /// client already; `false` when the client is gone.
    @inline(__always)
    func deliver(
        _ place: Int32,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        let exchange = self.exchanges[place]
        guard
            exchange.pointee.flags.contains(.responseSpilled)
                || (head == 0 && self.isBehind(exchange))
        else { return self.sendToClient(place, head: head, plain, isLast: isLast) }
        return self.spillResponse(place, plain, isLast: isLast)
    }

    private func spillResponse(
        _ place: Int32,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        guard let body = self.spills.responses[place] ?? self.openSpill() else {
            return self.sendToClient(place, head: 0, plain, isLast: isLast)
        }
        self.spills.responses[place] = body
        self.exchanges[place].pointee.flags.insert([.hasSpill, .responseSpilled])
        self.append(plain, to: body)
        body.isWhole = isLast
        return true
    }

    /// Whether more of a response may be put on disk.
    func maySpill(_ place: Int32) -> Bool {
        if let body = self.spills.responses[place] { return !body.isFull && self.spillRoom > 0 }
        return self.spillRoom > 0 && self.milliseconds >= self.spills.pausedUntil
    }

    /// Keeps trailers for a client who is far behind its target.
    func keepTrailers(_ place: Int32, of attempt: Int32) {
        guard let body = self.spills.responses[place] else { return }
        body.trailers = self.attempts[attempt].pointee.decoder.trailers
        self.attempts[attempt].pointee.decoder.trailers = BlockQueue()
    }

    /// Lets what waits on disk go on in the next pass.
    @inline(__always)
    func pumpSoon(_ place: Int32) {
        guard
            !self.exchanges[place].pointee.flags
                .isDisjoint(with: [.requestSpilled, .responseSpilled])
        else { return }
        self.spills.pumps.append(place)
    }

    /// Moves what waits on disk, as far as those it is for take it.
    func takePumps() {
        let places = self.spills.pumps
        self.spills.pumps.removeAll(keepingCapacity: true)
        for place in places {
            // Whoever has the place by now is served as well.
            if self.exchanges[place].pointee.flags.contains(.responseSpilled) {
                self.pumpResponse(place)
            }
            if self.exchanges[place].pointee.flags.contains(.requestSpilled) {
                self.pumpRequest(place)
            }
            self.takePending()
        }
    }

    private func pumpRequest(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.isBuffering),
            let body = self.spills.requests[place]
        else { return }
        var budget = Self.readBudget
        while case let index = exchange.pointee.attempt, index >= 0, self.targetTakesMore(index),
            !self.attempts[index].pointee.flags.contains(.discardsRequest)
        {
            guard budget > 0 else { return self.spills.pumps.append(place) }
            budget -= 1
            guard let piece = body.take(into: self.spills.room, &self.io.blocks) else {
                exchange.pointee.failure = ProxyFailure(cause: .exhausted)
                return self.answer(place, status: 500)
            }
            let isLast = body.isEmpty && exchange.pointee.flags.contains(.requestComplete)
            let isSent = self.sendToTarget(index, head: 0, piece, isLast: isLast)
            if body.isEmpty { exchange.pointee.flags.remove(.requestSpilled) }
            guard isSent else { return self.sendFailed(index) }
            self.setAttemptTimer(index)
            guard !body.isEmpty else { return self.lookAgain(place) }
        }
    }

    private func pumpResponse(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard let body = self.spills.responses[place] else { return }
        var budget = Self.readBudget
        while self.isClientEmpty(exchange) {
            guard budget > 0 else { return self.spills.pumps.append(place) }
            budget -= 1
            guard let piece = body.take(into: self.spills.room, &self.io.blocks) else {
                exchange.pointee.failure = ProxyFailure(cause: .exhausted)
                exchange.pointee.flags.insert(.isCut)
                return self.endSpilled(place)
            }
            let isLast = body.isEmpty && body.isWhole
            guard self.sendToClient(place, head: 0, piece, isLast: isLast) else {
                return self.closeClient(place)
            }
            self.setClientTimer(place)
            guard !body.isEmpty else { return self.endSpilled(place) }
        }
    }

    /// Everything that waited for the client was handed to it.
    private func endSpilled(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.remove(.responseSpilled)
        let index = exchange.pointee.attempt
        guard index >= 0 else { return self.finish(place) }
        self.close(self.spills.responses.removeValue(forKey: place))
        self.setAttemptTimer(index)
        self.targetReadable(of: index)
    }
}
