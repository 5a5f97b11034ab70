internal import MeshHTTP

/// Trailer fields, both ways: collected by decoders, passed on where the next hop takes them.
extension Worker {
    /// Lines for the client, valid until lines are next written; `nil` when there are none.
    func trailersForClient(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeRawBufferPointer? {
        guard exchange.pointee.flags.contains(.takesTrailers) else { return nil }
        guard exchange.pointee.attempt >= 0 else {
            guard exchange.pointee.flags.contains(.hasSpill) else { return nil }
            return self.spills.responses[self.place(of: exchange)]
                .flatMap { self.trailers($0.trailers) }
        }
        return self.trailers(self.attempts[exchange.pointee.attempt].pointee.decoder.trailers)
    }

    /// Lines for the target, valid until lines are next written; `nil` when there are none.
    func trailersForTarget(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeRawBufferPointer? {
        self.trailers(exchange.pointee.decoder.trailers)
    }

    private func trailers(_ collected: BlockQueue) -> UnsafeRawBufferPointer? {
        guard !collected.isEmpty, collected.count <= self.lines.count / 2,
            let base = self.lines.baseAddress
        else { return nil }
        let half = self.lines.count / 2
        let count = collected.copy(to: base)
        var writer = HeadWriter(UnsafeMutableRawBufferPointer(start: base + half, count: half))
        TrailerFields.write(
            from: UnsafeRawBufferPointer(start: base, count: count),
            into: &writer
        )
        guard let written = writer.written, !written.isEmpty else { return nil }
        return written
    }
}
