internal import MeshHTTP

/// What targets say of their load, for upstreams whose algorithm asks for it.
extension Worker {
    /// Takes in what the head of an answer says; its fields are passed on.
    @inline(__always)
    func takeLoad(_ exchange: UnsafeMutablePointer<Exchange>, from bytes: UnsafeRawBufferPointer) {
        guard self.takesReports(exchange) else { return }
        self.readLoad(exchange, from: bytes)
    }

    /// Takes in what the fields behind an answer say, as gRPC has it.
    func takeLoad(ofTrailers lines: UnsafeRawBufferPointer, _ index: Int32) {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard self.takesReports(exchange),
            let load = LoadMetrics.requestsInFlight(inTrailers: lines)
        else { return }
        self.note(load: load, exchange)
    }

    @inline(__always)
    private func takesReports(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        guard let upstream = self.upstreamIndex(exchange) else { return false }
        return (exchange.pointee.view.pointee.upstreams + Int(upstream.rawValue))
            .pointee.takesReports
    }

    @inline(never)
    private func readLoad(
        _ exchange: UnsafeMutablePointer<Exchange>,
        from bytes: UnsafeRawBufferPointer
    ) {
        let load =
            self.load(LoadMetrics.fieldName, from: bytes, LoadMetrics.requestsInFlight(in:))
            ?? self.load(
                LoadMetrics.binaryFieldName,
                from: bytes,
                LoadMetrics.requestsInFlight(inBinary:)
            )
        if let load { self.note(load: load, exchange) }
    }

    /// What the first field of a name says that can be read.
    private func load(
        _ name: StaticString,
        from bytes: UnsafeRawBufferPointer,
        _ read: (UnsafeRawBufferPointer) -> Int?
    ) -> Int? {
        var load: Int?
        _ = self.responseFields.anyValue(
            named: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
            count: self.response.fieldCount,
            of: bytes
        ) { value in
            load = read(value)
            return load != nil
        }
        return load
    }

    private func note(load: Int, _ exchange: UnsafeMutablePointer<Exchange>) {
        guard let upstream = self.upstreamIndex(exchange), exchange.pointee.target >= 0 else {
            return
        }
        exchange.pointee.view.pointee
            .state(upstream, TargetIndex(rawValue: exchange.pointee.target))
            .pointee.report(load: load, at: self.milliseconds)
    }
}
