internal import MeshHTTP

/// `request_buffering` and `response_buffering`: bodies that wait here, so that a slow client does
/// not hold a target.
///
/// A body waits in memory up to a limit and on disk from there on, as in Kong. Where there is no room
/// on disk it streams on: the request goes to its target, or the target waits for the client.
extension Worker {
    /// Whether there is memory for waiting bodies.
    var mayBuffer: Bool {
        self.io.blocks.taken < self.settings.configuration.bodyBufferMemory / 16_384
    }

    /// Bytes of a response that wait in memory for one stream of an HTTP/2 client, who has many.
    private static let streamBufferLimit = 65_536

    private var bufferLimit: Int { self.settings.configuration.bodyBufferByteCount }

    /// Holds a request back until its body is whole; `false` when it shall go on at once.
    func buffer(_ place: Int32, body: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        guard let route = self.routePlan(exchange), route.pointee.buffersRequest, self.mayBuffer,
            exchange.pointee.flags.isDisjoint(with: [.requestComplete, .isExtendedConnect, .isGRPC])
        else { return false }
        exchange.pointee.flags.insert(.isBuffering)
        exchange.pointee.replay.append(body, from: &self.io.blocks)
        // Nobody else will: the target is asked when the body is whole.
        if exchange.pointee.flags.contains(.awaitsContinue) { _ = self.sendContinue(place) }
        self.creditClient(exchange)
        self.setClientTimer(place)
        self.lookAgain(place)
        return true
    }

    /// More of a body that is being held back.
    func bufferMore(_ place: Int32, _ plain: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        let isWhole = exchange.pointee.flags.contains(.requestComplete)
        var plain = plain
        if let block = exchange.pointee.filters {
            guard block.filter.pointee.gatherLimit == 0 else {
                return self.gatherMore(place, block, plain)
            }
            guard let changed = self.filterBody(place, plain, isLast: isWhole) else { return }
            plain = changed
            if exchange.pointee.filters?.filter.pointee.collectsRequest == true {
                return self.collectMore(place, plain)
            }
        }
        if self.takeIn(place, plain), !isWhole { return self.creditClient(exchange) }
        exchange.pointee.flags.remove(.isBuffering)
        let scope = self.reader.load(exchange.pointee.head)
        self.dispatch(place, scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Keeps a part of a body; `false` when there is no room for all that is to come.
    private func takeIn(_ place: Int32, _ plain: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        let count = exchange.pointee.replay.count + plain.count
        guard
            count > self.bufferLimit || exchange.pointee.flags.contains(.hasSpill)
                || !self.mayBuffer
        else {
            exchange.pointee.replay.append(plain, from: &self.io.blocks)
            return true
        }
        return self.spillRequest(place, plain)
    }

    func creditClient(_ exchange: UnsafeMutablePointer<Exchange>) {
        guard exchange.pointee.stream != 0, exchange.pointee.unconsumed > 0,
            let session = self.session(exchange.pointee.client)
        else { return }
        session.session.consume(Int(exchange.pointee.unconsumed), on: exchange.pointee.stream)
        exchange.pointee.unconsumed = 0
        self.touch(session)
    }

    /// Whether more of a response may wait for a client that is slower than its target.
    @inline(__always)
    func mayWait(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        guard let route = self.routePlan(exchange), route.pointee.buffersResponse,
            exchange.pointee.flags.isDisjoint(with: [.isRelay, .isGRPC])
        else { return false }
        let isOnDisk = exchange.pointee.flags.contains(.responseSpilled)
        guard isOnDisk || self.isBehind(exchange) else { return true }
        return self.maySpill(self.place(of: exchange))
    }

    /// Whether so much of a response waits for the client that more of it must wait on disk.
    @inline(__always)
    func isBehind(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        let waiting = self.waitingForClient(exchange)
        guard waiting > 0, let route = self.routePlan(exchange), route.pointee.buffersResponse,
            exchange.pointee.flags.isDisjoint(with: [.isRelay, .isGRPC])
        else { return false }
        let limit =
            exchange.pointee.stream == 0
            ? self.bufferLimit : min(self.bufferLimit, Self.streamBufferLimit)
        return waiting >= limit || !self.mayBuffer
    }

    /// Bytes of a response that the client did not take yet.
    @inline(__always)
    private func waitingForClient(_ exchange: UnsafeMutablePointer<Exchange>) -> Int {
        guard exchange.pointee.stream != 0 else {
            return self.io[exchange.pointee.client].pointee.waitingByteCount
        }
        return self.session(exchange.pointee.client)?.session
            .waiting(on: exchange.pointee.stream) ?? 0
    }

    /// Whether the client has taken all that was sent to it.
    func isClientEmpty(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        self.waitingForClient(exchange) == 0
    }
}
