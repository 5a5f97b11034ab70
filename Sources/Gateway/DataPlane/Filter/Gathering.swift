internal import MeshHTTP
internal import MeshPlugins

/// Bodies that a step of the access phase looks at before it says whether the request may pass: they
/// wait beside the request, as those of suspended requests do.
extension Worker {
    /// Lets a step wait for the request's body, of which a part is at hand.
    func gather(
        _ place: Int32,
        _ step: Int,
        byteLimit: Int,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters else { return }
        exchange.pointee.held.append(body, from: &self.io.blocks)
        block.filter.pointee.next = Int32(truncatingIfNeeded: step)
        block.filter.pointee.gatherLimit = max(1, byteLimit)
        let hasEnd = exchange.pointee.flags.isDisjoint(with: [.asksUpgrade, .isExtendedConnect])
        guard hasEnd, !self.isTooLong(exchange, block), self.awaitsMore(exchange, block) else {
            return self.endGathering(place, block, hasEnd: hasEnd)
        }
        guard self.mayBuffer else { return self.refuseGathering(place) }
        exchange.pointee.flags.insert(.isBuffering)
        if exchange.pointee.flags.contains(.awaitsContinue) { _ = self.sendContinue(place) }
        self.creditClient(exchange)
        self.setClientTimer(place)
        self.lookAgain(place)
    }

    /// More of a body that a step waits for.
    func gatherMore(
        _ place: Int32,
        _ block: UnsafeMutablePointer<Block>,
        _ plain: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        exchange.pointee.held.append(plain, from: &self.io.blocks)
        guard !self.awaitsMore(exchange, block) else {
            guard self.mayBuffer else { return self.refuseGathering(place) }
            return self.creditClient(exchange)
        }
        exchange.pointee.flags.remove(.isBuffering)
        self.endGathering(place, block, hasEnd: true)
    }

    /// Whether more of the body may come that the step would look at.
    private func awaitsMore(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>
    ) -> Bool {
        !exchange.pointee.flags.contains(.requestComplete)
            && exchange.pointee.held.count <= block.filter.pointee.gatherLimit
    }

    /// Whether the client itself says that the body is longer than what the step would look at.
    private func isTooLong(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>
    ) -> Bool {
        let length = self.reader.load(exchange.pointee.head).head.declaredLength
        return length.map { $0 > UInt64(block.filter.pointee.gatherLimit) } ?? false
    }

    /// Answers a request for whose body there is no memory.
    private func refuseGathering(_ place: Int32) {
        self.exchanges[place].pointee.flags.remove(.isBuffering)
        self.exchanges[place].pointee.failure = ProxyFailure(cause: .exhausted)
        self.refuseBody(place, status: 503)
    }

    /// Goes on with the step that waited.
    private func endGathering(
        _ place: Int32,
        _ block: UnsafeMutablePointer<Block>,
        hasEnd: Bool
    ) {
        let exchange = self.exchanges[place]
        let isWhole = hasEnd && exchange.pointee.flags.contains(.requestComplete)
        let fits = exchange.pointee.held.count <= block.filter.pointee.gatherLimit
        block.filter.pointee.gathered = isWhole && fits ? .whole : .tooLong
        block.filter.pointee.gatherLimit = 0
        let scope = self.reader.load(exchange.pointee.head)
        self.goOn(place, scope, from: Int(block.filter.pointee.next))
    }
}
