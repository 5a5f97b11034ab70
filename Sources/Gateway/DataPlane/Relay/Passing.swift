/// Streams of many bytes: between two plain sockets they pass through a pipe, so that nobody copies them.
///
/// A pipe costs two system calls, as reading and writing do, and is only worth it when each moves much.
extension Worker {
    /// Bytes of one read from which on a stream is passed through a pipe, and bytes of one passage below
    /// which it is no more.
    static let bulkByteCount = 32 * 1_024
    private static let leastPassage = 8 * 1_024

    /// Passes on what a stream's target sent; whether reading goes on, or `nil` when it must be read.
    func passToClient(_ index: Int32, _ attempt: Int32) -> Bool? {
        let place = self.attempts[attempt].pointee.exchange
        let exchange = self.exchanges[place]
        let link = self.io[index]
        guard exchange.pointee.flags.contains([.isStream, .responseBegun]),
            link.pointee.input.isEmpty
        else { return nil }
        switch self.io.pass(index, to: exchange.pointee.client) {
        case .moved(let count):
            exchange.pointee.returned &+= UInt64(count)
            if count < Self.leastPassage { link.pointee.flags.remove(.isBulk) }
            self.setClientTimer(place)
            if self.bringsEnough(attempt, count) { self.setAttemptTimer(attempt) }
            return true
        case .drained: return false
        case .ended: self.targetEnded(attempt)
        case .broken: self.targetBroken(attempt)
        case .unwritable: self.closeClient(place)
        case .impossible: return nil
        }
        return false
    }

    /// Passes on what a stream's client sent; whether reading goes on, or `nil` when it must be read.
    func passToTarget(_ index: Int32, _ place: Int32) -> Bool? {
        let exchange = self.exchanges[place]
        let attempt = exchange.pointee.attempt
        let link = self.io[index]
        guard exchange.pointee.flags.contains([.isStream, .responseBegun]), attempt >= 0,
            self.attempts[attempt].pointee.link >= 0, link.pointee.input.isEmpty
        else { return nil }
        switch self.io.pass(index, to: self.attempts[attempt].pointee.link) {
        case .moved(let count):
            exchange.pointee.received &+= UInt64(count)
            exchange.pointee.progress += count
            if count < Self.leastPassage { link.pointee.flags.remove(.isBulk) }
            self.setAttemptTimer(attempt)
            return true
        case .drained: return false
        case .ended: self.relayClientEnded(place)
        case .broken: self.close(index)
        case .unwritable: self.sendFailed(attempt)
        case .impossible: return nil
        }
        return false
    }
}
