internal import MeshHTTP

/// From where on a worker sheds new requests, so that it can finish those it has.
///
/// Nothing is remembered: as soon as enough has ended, new requests are served again.
struct OverloadMarks {
    /// Most exchanges in progress.
    let exchanges: Int
    /// Most blocks in use; every exchange has one for its head.
    let blocks: Int

    init(_ configuration: DataPlaneConfiguration, places: Int) {
        let most = places - places / 10
        let wanted = configuration.maximumRequests
        self.exchanges = wanted > 0 ? min(wanted, most) : most
        self.blocks = places + configuration.bodyBufferMemory / 16_384
    }
}

extension Worker {
    /// Whether there is too much to do already; the exchange at hand counts.
    @inline(__always)
    var isOverloaded: Bool {
        self.memory.pointee.exchanges.count > self.overload.exchanges
            || self.memory.pointee.io.blocks.taken > self.overload.blocks
    }

    /// Answers a request before any work is put into it.
    func shed(_ place: Int32, _ scope: borrowing RequestScope) {
        self.exchanges[place].pointee.failure = ProxyFailure(cause: .overloaded)
        var lines = HeadWriter(self.extraLines)
        // Not the same for all, so that they do not come back together.
        lines.write("Retry-After: ")
        lines.write(decimal: 1 + self.generator.next() % 3)
        lines.write("\r\n")
        self.answer(place, scope, status: 503, lines: lines.written)
    }
}
