internal import MeshHTTP

/// Reading the target's response and framing it for the client.
extension Worker {
    /// Interim responses that one request may bring.
    private static let interimLimit: UInt8 = 8

    /// Takes bytes of the response; the first `kept` were seen before.
    ///
    /// Returns `false` when reading must not go on.
    func takeResponse(_ place: Int32, _ bytes: UnsafeRawBufferPointer, kept: Int) -> Bool {
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.responseBegun) {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            return self.forward(place, head: nothing, bytes)
        }
        var rest = bytes
        while true {
            let parsed = ResponseHead.parseResponse(
                rest,
                requestMethodIsHead: exchange.pointee.flags.contains(.isHead),
                into: &self.response,
                fields: self.fields,
                limits: self.limits
            )
            switch parsed {
            case .incomplete:
                return self.keepPartialHead(exchange, rest, of: bytes, kept: kept)
            case .invalid:
                self.attemptFailed(place, .malformed)
                return false
            case .complete(let consumed):
                let head = UnsafeRawBufferPointer(rebasing: rest[..<consumed])
                rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
                if self.response.isInterim {
                    guard self.passInterim(place, head) else { return false }
                    guard !rest.isEmpty else {
                        self.connections[exchange.pointee.upstream].pointee.input
                            .clear(to: &self.blocks)
                        return true
                    }
                    continue
                }
                self.connections[exchange.pointee.upstream].pointee.input.clear(to: &self.blocks)
                return self.beginResponse(place, from: head, rest: rest)
            }
        }
    }

    private func keepPartialHead(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ rest: UnsafeRawBufferPointer,
        of bytes: UnsafeRawBufferPointer,
        kept: Int
    ) -> Bool {
        let connection = self.connections[exchange.pointee.upstream]
        if rest.count == bytes.count {
            let added = UnsafeRawBufferPointer(rebasing: bytes[kept...])
            connection.pointee.input.append(added, from: &self.blocks)
        } else {
            connection.pointee.input.clear(to: &self.blocks)
            connection.pointee.input.append(rest, from: &self.blocks)
        }
        return true
    }

    /// Passes a 1xx on to clients that know such a thing; our own `100 Continue` was sent before.
    private func passInterim(_ place: Int32, _ head: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        exchange.pointee.interims += 1
        guard exchange.pointee.interims <= Self.interimLimit else {
            self.attemptFailed(place, .malformed)
            return false
        }
        guard self.response.status != 100, !exchange.pointee.flags.contains(.isHTTP10) else {
            return true
        }
        var writer = HeadWriter(
            UnsafeMutableRawBufferPointer(start: self.output, count: Self.headCapacity)
        )
        ForwardedHeaders.writeInterim(self.response, self.fields, from: head, into: &writer)
        guard let written = writer.written else { return true }
        guard self.send(exchange.pointee.client, written) else {
            self.close(exchange.pointee.client)
            return false
        }
        return true
    }

    /// Writes the client's head of the response at the start of ``output``; `nil` when the
    /// response may not be passed on.
    func writeResponseHead(
        _ exchange: UnsafeMutablePointer<Exchange>,
        from bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let isHTTP10 = exchange.pointee.flags.contains(.isHTTP10)
        let version: HTTPVersion = isHTTP10 ? .http10 : .http11
        exchange.pointee.clientFraming = ForwardedHeaders.framingForClient(
            self.response,
            clientVersion: version
        )
        if self.response.keepAlive { exchange.pointee.flags.insert(.keepsUpstream) }
        if self.response.status == 101 {
            guard exchange.pointee.flags.contains(.asksUpgrade) else { return nil }
            exchange.pointee.flags.insert(.isTunnel)
            exchange.pointee.flags.remove([.keepsUpstream, .keepsClient, .requestComplete])
            exchange.pointee.responseFraming = .untilClose
            exchange.pointee.clientFraming = .untilClose
        }
        if exchange.pointee.clientFraming == .untilClose || self.closesClients
            || !exchange.pointee.flags.contains(.requestComplete)
        {
            exchange.pointee.flags.remove(.keepsClient)
        }
        let upstreamTime = max(0, self.now - exchange.pointee.attemptAt)
        let total = max(0, self.now - exchange.pointee.begunAt)
        var hop = ForwardedHeaders.ReturnHop(
            clientVersion: version,
            keepsClient: exchange.pointee.flags.contains(.keepsClient),
            upstreamMilliseconds: UInt64(upstreamTime / 1_000_000),
            proxyMilliseconds: UInt64(max(0, total - upstreamTime) / 1_000_000),
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
        if exchange.pointee.plugins != nil { hop.additionalFields = self.pluginLines(exchange) }
        var writer = HeadWriter(
            UnsafeMutableRawBufferPointer(start: self.output, count: Self.headCapacity)
        )
        ForwardedHeaders.writeResponse(
            self.response,
            self.fields,
            from: bytes,
            hop: hop,
            into: &writer
        )
        return writer.written
    }

    /// A part of the response as the client shall see it.
    struct ResponsePart {
        let bytes: UnsafeRawBufferPointer
        let isLast: Bool
    }

    /// Frames bytes of the body for the client; `nil` when they break the target's framing.
    ///
    /// Bytes behind the response's end mark the target's connection as unusable.
    func responsePart(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ bytes: UnsafeRawBufferPointer
    ) -> ResponsePart? {
        switch exchange.pointee.responseFraming {
        case .none:
            if !bytes.isEmpty { exchange.pointee.flags.remove(.keepsUpstream) }
            return ResponsePart(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<0]), isLast: true)
        case .length(let remaining):
            guard UInt64(bytes.count) >= remaining else {
                exchange.pointee.responseFraming = .length(remaining - UInt64(bytes.count))
                return ResponsePart(bytes: bytes, isLast: false)
            }
            let count = Int(remaining)
            if count < bytes.count { exchange.pointee.flags.remove(.keepsUpstream) }
            exchange.pointee.responseFraming = .none
            return ResponsePart(
                bytes: UnsafeRawBufferPointer(rebasing: bytes[..<count]),
                isLast: true
            )
        case .untilClose:
            guard exchange.pointee.clientFraming == .chunked, !bytes.isEmpty else {
                return ResponsePart(bytes: bytes, isLast: false)
            }
            var writer = self.chunkWriter()
            writer.write(chunk: bytes)
            return writer.written.map { ResponsePart(bytes: $0, isLast: false) }
        case .chunked: return self.chunkedPart(exchange, bytes)
        }
    }

    private func chunkedPart(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ bytes: UnsafeRawBufferPointer
    ) -> ResponsePart? {
        var writer = self.chunkWriter()
        var position = 0
        while true {
            switch exchange.pointee.responseChunks.next(bytes, at: &position) {
            case .needMore: return writer.written.map { ResponsePart(bytes: $0, isLast: false) }
            case .data(let range):
                let data = UnsafeRawBufferPointer(rebasing: bytes[range])
                if exchange.pointee.clientFraming == .chunked {
                    writer.write(chunk: data)
                } else {
                    writer.write(data)
                }
            case .trailer: continue
            case .end(let consumed):
                if consumed < bytes.count { exchange.pointee.flags.remove(.keepsUpstream) }
                if exchange.pointee.clientFraming == .chunked { writer.write("0\r\n\r\n") }
                return writer.written.map { ResponsePart(bytes: $0, isLast: true) }
            case .invalid: return nil
            }
        }
    }

    /// A writer over the part of ``output`` behind the room for heads.
    func chunkWriter() -> HeadWriter {
        HeadWriter(
            UnsafeMutableRawBufferPointer(
                start: self.output + Self.headCapacity,
                count: Self.outputCapacity - Self.headCapacity
            )
        )
    }
}

extension HeadWriter {
    /// Appends one chunk with its size line (RFC 9112 section 7.1); `data` must not be empty.
    mutating func write(chunk data: UnsafeRawBufferPointer) {
        self.write(hexadecimal: UInt64(data.count))
        self.write("\r\n")
        self.write(data)
        self.write("\r\n")
    }
}
