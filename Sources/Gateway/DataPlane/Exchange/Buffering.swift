internal import MeshHTTP

/// `request_buffering` and `response_buffering`: bodies that wait here, so that a slow client does
/// not hold a target.
///
/// Kong buffers whole bodies, on disk when they are long. Here a body waits in memory up to a limit,
/// and streams from there on: what is longer than the limit is not worth a disk.
extension Worker {
    /// Most bytes of one body that wait in memory.
    static let bufferLimit = 1_024 * 1_024
    /// Blocks of 16 KiB in use by a worker above which bodies stream at once.
    private static let blockLimit = 16_384

    /// Whether there is memory for waiting bodies.
    private var mayBuffer: Bool { self.io.blocks.taken < Self.blockLimit }

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
        exchange.pointee.replay.append(plain, from: &self.io.blocks)
        let isWhole = exchange.pointee.flags.contains(.requestComplete)
        if !isWhole, exchange.pointee.replay.count < Self.bufferLimit, self.mayBuffer {
            self.creditClient(exchange)
            return
        }
        exchange.pointee.flags.remove(.isBuffering)
        let scope = self.reader.load(exchange.pointee.head)
        self.dispatch(place, scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private func creditClient(_ exchange: UnsafeMutablePointer<Exchange>) {
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
        guard let route = self.routePlan(exchange), route.pointee.buffersResponse, self.mayBuffer,
            !exchange.pointee.flags.contains(.isRelay)
        else { return false }
        return self.io[exchange.pointee.client].pointee.waitingByteCount < Self.bufferLimit
    }
}
