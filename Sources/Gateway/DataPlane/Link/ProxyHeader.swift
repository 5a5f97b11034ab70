internal import CMeshSystem
internal import MeshEntities
internal import MeshHTTP
internal import MeshPrimitives

/// PROXY headers, by which a balancer in front says whose connection it passes on.
extension Worker {
    /// Lets a connection to a target begin with a header that names the client, where that is wanted.
    func greet(_ link: Int32, _ exchange: UnsafeMutablePointer<Exchange>) {
        let pool = self.io[link].pointee.pool
        guard self.pool.isPrivate(pool), let version = self.pool.key(of: pool)?.proxyHeader else {
            return
        }
        let source = SocketAddress.decode(exchange.pointee.origin)
        let destination = SocketAddress.decode(self.io.localAddress(exchange.pointee.client))
        var writer = HeadWriter(self.extraLines)
        switch version {
        case .v1:
            ProxyProtocol.writeText(source: source, destination: destination, into: &writer)
        case .v2:
            ProxyProtocol.writeBinary(source: source, destination: destination, into: &writer)
        }
        if let header = writer.written { self.io.greet(link, header) }
    }

    /// Looks for the header that a listener demands; `false` while it is not there, or the link is
    /// gone: a connection without a header, or with a broken one, is closed without an answer.
    func takeProxyHeader(_ index: Int32) -> Bool {
        let limit = ProxyProtocol.binaryByteCount
        let count = self.io.peek(index, into: self.input, limit: limit)
        guard count > 0 else {
            if count == 0 { self.close(index) }
            return false
        }
        switch ProxyProtocol.parse(UnsafeRawBufferPointer(start: self.input, count: count)) {
        case .incomplete: return false
        case .invalid:
            self.counters.add(WorkerCounter.malformed)
            self.close(index)
            return false
        case .found(let header):
            guard self.io.skip(index, header.consumed, over: self.input) else {
                self.close(index)
                return false
            }
            let link = self.io[index]
            link.pointee.flags.remove(.expectsProxyHeader)
            let peer = SocketAddress.decode(link.pointee.address).address
            let isBelieved =
                self.realAddress.trusted.isEmpty || self.realAddress.trusted.contains(peer)
            if let source = header.source, isBelieved { self.proxied[index] = source }
            return true
        }
    }
}
