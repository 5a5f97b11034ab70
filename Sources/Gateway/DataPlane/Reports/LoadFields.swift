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
        var load: Int?
        _ = self.responseFields.anyValue(
            named: Self.name(LoadMetrics.fieldName),
            count: self.response.fieldCount,
            of: bytes
        ) { value in
            load = LoadMetrics.requestsInFlight(in: value)
            return load != nil
        }
        if load == nil {
            _ = self.responseFields.anyValue(
                named: Self.name(LoadMetrics.binaryFieldName),
                count: self.response.fieldCount,
                of: bytes
            ) { value in
                load = LoadMetrics.requestsInFlight(inBinary: value)
                return load != nil
            }
        }
        if let load { self.note(load: load, exchange) }
    }

    private func note(load: Int, _ exchange: UnsafeMutablePointer<Exchange>) {
        guard let upstream = self.upstreamIndex(exchange), exchange.pointee.target >= 0 else {
            return
        }
        exchange.pointee.view.pointee
            .state(upstream, TargetIndex(rawValue: exchange.pointee.target))
            .pointee.report(load: load, at: self.milliseconds)
    }

    private static func name(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
