internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting

/// What the life of a request needs to know of the request: its route, key, head and body.
extension Worker {
    /// Writes the path at hand in normal form to ``path``; `false` when it has none.
    func normalizePath() -> Bool {
        let raw = self.request.path.bytes(of: self.requestBytes)
        guard let count = RequestPath.normalize(raw, into: self.path) else { return false }
        self.pathCount = count
        return true
    }

    private var normalizedPath: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self.path[..<self.pathCount])
    }

    /// Asks the router.
    func match(_ exchange: UnsafeMutablePointer<Exchange>) -> RouteMatch? {
        let host = self.request.host.bytes(of: self.requestBytes)
        guard host.count <= self.host.count else { return nil }
        mesh_copy_lowercased(self.host.baseAddress, host.baseAddress, host.count)
        let port = self.connections[exchange.pointee.client].pointee.port
        let query = RouteQuery(
            method: self.request.methodName.bytes(of: self.requestBytes),
            host: UnsafeRawBufferPointer(rebasing: self.host[..<host.count]),
            path: self.normalizedPath,
            port: self.request.port != 0 ? self.request.port : port
        )
        return exchange.pointee.view.pointee.snapshot._withUnsafeGuaranteedRef { snapshot in
            snapshot.table.match(query, scratch: self.scratch) { name, test in
                self.anyField(named: name, test)
            }
        }
    }

    /// Whether a value of the request's field passes the test; `name` is in lower case.
    private func anyField(
        named name: UnsafeRawBufferPointer,
        _ test: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        for index in 0..<self.request.fieldCount
        where self.isField(index, named: name)
            && test(self.fields[index].value.bytes(of: self.requestBytes))
        {
            return true
        }
        return false
    }

    func isField(_ index: Int, named name: UnsafeRawBufferPointer) -> Bool {
        let found = self.fields[index].name.bytes(of: self.requestBytes)
        guard found.count == name.count else { return false }
        for offset in 0..<name.count {
            let byte = found[offset]
            guard (byte &- 0x41 < 26 ? byte | 0x20 : byte) == name[offset] else { return false }
        }
        return true
    }

    /// Index of the upstream that the exchange's route leads to.
    @inline(__always)
    func upstreamIndex(_ exchange: UnsafeMutablePointer<Exchange>) -> Int? {
        guard exchange.pointee.route >= 0 else { return nil }
        let index = exchange.pointee.view.pointee.routes[Int(exchange.pointee.route)].upstream
        return index >= 0 ? Int(index) : nil
    }

    @inline(__always)
    func targetPlan(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafePointer<TargetPlan>? {
        guard self.upstreamIndex(exchange) != nil, exchange.pointee.target >= 0 else {
            return nil
        }
        return exchange.pointee.view.pointee.plan(
            RouteIndex(rawValue: exchange.pointee.route),
            TargetIndex(rawValue: exchange.pointee.target)
        )
    }

    /// Lays the head of an exchange out again, as it was when it had just been read.
    func loadHead(_ exchange: UnsafeMutablePointer<Exchange>) {
        let count = exchange.pointee.head.copy(to: self.headCopy)
        let bytes = UnsafeRawBufferPointer(start: self.headCopy, count: count)
        let parsed = RequestHead.parseRequest(
            bytes,
            into: &self.request,
            fields: self.fields,
            limits: self.limits
        )
        assert(parsed == .complete(consumed: count), "a kept head parses as it did before")
        self.requestBytes = bytes
        _ = self.normalizePath()
    }

    /// Writes the target's head of the request at hand to ``output``; `nil` if it is too long.
    func writeRequestHead(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafeRawBufferPointer? {
        guard let target = self.targetPlan(exchange) else { return nil }
        let route = exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
        let path = self.normalizedPath
        let matched = exchange.pointee.matched
        let connection = self.connections[exchange.pointee.client]
        var hop = ForwardedHeaders.Hop(
            peer: self.peerText(connection.pointee.address),
            port: connection.pointee.port,
            upstreamHost: target.pointee.hostHeader.bytes,
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
        if let block = exchange.pointee.plugins { hop.additionalFields = self.upstreamLines(block) }
        if route.pointee.preserveHost, !self.request.authority.isEmpty {
            hop.upstreamHost = self.request.authority.bytes(of: self.requestBytes)
        }
        if route.pointee.stripPath, matched > 1 {
            hop.strippedPrefix = UnsafeRawBufferPointer(rebasing: path[..<matched])
        }
        var writer = HeadWriter(
            UnsafeMutableRawBufferPointer(start: self.output, count: Self.headCapacity)
        )
        writer.write(self.request.methodName, of: self.requestBytes)
        writer.write(" ")
        if !route.pointee.stripPath, route.pointee.servicePath.count <= 1 {
            // Without a prefix on either side the path stays as it is.
            writer.write(path)
        } else {
            writer.append { room in
                RequestPath.writeUpstream(
                    servicePath: route.pointee.servicePath.bytes,
                    path: path,
                    matched: matched,
                    strip: route.pointee.stripPath,
                    into: room
                )
            }
        }
        let query = self.request.query
        if !query.isEmpty { writer.write(query, of: self.requestBytes) }
        writer.write(" HTTP/1.1\r\n")
        ForwardedHeaders.writeRequestFields(
            self.request,
            self.fields,
            from: self.requestBytes,
            hop: hop,
            into: &writer
        )
        return writer.written
    }

    /// The client's address as text; clients in a row often have the same one.
    private func peerText(_ address: mesh_address) -> UnsafeRawBufferPointer {
        let known = self.memory.pointee.peerAddress
        if known.low != address.low || known.high != address.high
            || known.family != address.family
        {
            self.memory.pointee.peerAddress = address
            self.memory.pointee.peerCount = SocketAddress.write(
                address,
                to: self.peer.baseAddress ?? self.output
            )
        }
        return UnsafeRawBufferPointer(rebasing: self.peer[..<self.memory.pointee.peerCount])
    }

    /// Frames bytes that came behind the head for the target; what follows the body is kept for
    /// the next request.
    ///
    /// Returns `nil` when the bytes are refused; the exchange has ended then.
    func requestPiece(
        _ place: Int32,
        _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.isTunnel) {
            exchange.pointee.received &+= UInt64(bytes.count)
            return bytes
        }
        switch exchange.pointee.requestFraming {
        case .none, .untilClose:
            return self.endRequest(exchange, bytes, at: 0)
        case .length(let remaining):
            guard UInt64(bytes.count) >= remaining else {
                exchange.pointee.requestFraming = .length(remaining - UInt64(bytes.count))
                exchange.pointee.progress += bytes.count
                exchange.pointee.received &+= UInt64(bytes.count)
                return bytes
            }
            exchange.pointee.requestFraming = .none
            return self.endRequest(exchange, bytes, at: Int(remaining))
        case .chunked: return self.requestChunks(place, bytes)
        }
    }

    private func endRequest(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ bytes: UnsafeRawBufferPointer,
        at end: Int
    ) -> UnsafeRawBufferPointer {
        exchange.pointee.flags.insert(.requestComplete)
        exchange.pointee.flags.remove(.awaitsContinue)
        exchange.pointee.received &+= UInt64(end)
        if end < bytes.count {
            let surplus = UnsafeRawBufferPointer(rebasing: bytes[end...])
            let connection = self.connections[exchange.pointee.client]
            connection.pointee.input.append(surplus, from: &self.blocks)
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<end])
    }

    private func requestChunks(
        _ place: Int32,
        _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[place]
        var writer = self.chunkWriter()
        var position = 0
        while true {
            switch exchange.pointee.requestChunks.next(bytes, at: &position) {
            case .needMore:
                exchange.pointee.progress += bytes.count
                exchange.pointee.received &+= UInt64(bytes.count)
                return writer.written
            case .data(let range):
                writer.write(chunk: UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .end(let consumed):
                writer.write("0\r\n\r\n")
                _ = self.endRequest(exchange, bytes, at: consumed)
                return writer.written
            case .invalid(let fault):
                self.counters.add(WorkerCounter.malformed)
                exchange.pointee.flags.remove(.keepsClient)
                if exchange.pointee.flags.contains(.responseBegun) {
                    self.reset(exchange.pointee.client)
                } else {
                    self.answer(place, status: fault.status, message: fault.message)
                }
                return nil
            }
        }
    }

    /// Keeps a part of the body, framed as sent, while the request may still go to another target.
    func keepForRetry(_ place: Int32, _ piece: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains(.replayable), !piece.isEmpty else { return }
        let isRepeatable =
            exchange.pointee.flags.contains(.idempotent)
            || !exchange.pointee.flags.contains(.sent)
        guard isRepeatable, exchange.pointee.replay.count + piece.count <= Self.replayLimit else {
            exchange.pointee.replay.clear(to: &self.blocks)
            exchange.pointee.flags.remove(.replayable)
            return
        }
        exchange.pointee.replay.append(piece, from: &self.blocks)
    }

    /// Tells a waiting client to send its body, once there is a target to take it.
    ///
    /// Returns `false` when the client is gone.
    func allowContinue(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains(.awaitsContinue),
            self.connections[exchange.pointee.upstream].pointee.role == .upstream
        else { return true }
        exchange.pointee.flags.remove(.awaitsContinue)
        let text: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
        let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard self.send(exchange.pointee.client, bytes) else {
            self.close(exchange.pointee.client)
            return false
        }
        return true
    }

    /// 32 new hexadecimal digits.
    func makeRequestID() -> (UInt64, UInt64, UInt64, UInt64) {
        let first = self.generator.next()
        let second = self.generator.next()
        return (
            Self.digits(UInt32(truncatingIfNeeded: first)),
            Self.digits(UInt32(truncatingIfNeeded: first >> 32)),
            Self.digits(UInt32(truncatingIfNeeded: second)),
            Self.digits(UInt32(truncatingIfNeeded: second >> 32))
        )
    }

    /// Eight hexadecimal digits, one per byte, of the eight nibbles in no particular order.
    @inline(__always)
    private static func digits(_ value: UInt32) -> UInt64 {
        var spread = UInt64(value)
        spread = (spread | (spread << 16)) & 0x0000_FFFF_0000_FFFF
        spread = (spread | (spread << 8)) & 0x00FF_00FF_00FF_00FF
        spread = (spread | (spread << 4)) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = ((spread &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return spread &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    /// The exchange's id as text.
    @inline(__always)
    func requestID(_ exchange: UnsafeMutablePointer<Exchange>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(exchange), count: 32)
    }
}
