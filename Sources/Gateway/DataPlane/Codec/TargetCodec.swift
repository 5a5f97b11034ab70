internal import MeshHTTP

/// The target's side of an attempt, whatever it speaks: a head and plain bodies out, a response in.
///
/// Framing towards targets is here and nowhere else.
extension Worker {
    /// Interim responses that one request may bring.
    private static let interimLimit: UInt8 = 8

    /// Sends the head written last (`head` bytes of it; none when 0) and a plain piece of the body.
    ///
    /// Returns `false` when the connection is broken.
    @inline(__always)
    func sendToTarget(
        _ index: Int32,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        let attempt = self.attempts[index]
        if isLast, !attempt.pointee.flags.contains(.requestSent) {
            attempt.pointee.flags.insert(.requestSent)
            self.beginAwaiting(index)
        }
        guard attempt.pointee.stream == 0 else {
            return self.sendToTargetStream(index, head: head, plain, isLast: isLast)
        }
        var framing: MessageWriter.Framing = isLast ? .last : []
        var trailers = UnsafeRawBufferPointer(start: nil, count: 0)
        if attempt.pointee.flags.contains(.sendsChunks) {
            framing.insert(.chunked)
            let exchange = self.exchanges[attempt.pointee.exchange]
            if isLast, let lines = self.trailersForTarget(exchange) { trailers = lines }
        }
        return self.writer.send(
            head: head,
            plain,
            framing,
            trailers: trailers,
            to: attempt.pointee.link,
            by: &self.io
        ) >= 0
    }

    /// Whether the target can take more of the request now.
    @inline(__always)
    func targetTakesMore(_ index: Int32) -> Bool {
        let attempt = self.attempts[index].pointee
        guard attempt.link >= 0 else { return false }
        let link = self.io[attempt.link]
        guard link.pointee.phase == .open else { return false }
        guard attempt.stream == 0 else { return self.targetStreamTakesMore(attempt) }
        return link.pointee.isWritten
    }

    /// Takes bytes of an HTTP/1 response; the first `kept` were seen before.
    ///
    /// Returns `false` when reading must not go on.
    func takeResponse(_ index: Int32, _ bytes: UnsafeRawBufferPointer, kept: Int) -> Bool {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        if exchange.pointee.flags.contains(.responseBegun) {
            return self.forward(index, head: 0, bytes)
        }
        let link = self.attempts[index].pointee.link
        var rest = bytes
        while true {
            switch self.parseResponse(rest, isHead: exchange.pointee.flags.contains(.isHead)) {
            case .incomplete:
                return self.keepPartialHead(link, rest, of: bytes, kept: kept)
            case .invalid:
                self.attemptFailed(index, .malformed)
                return false
            case .complete(let consumed):
                let head = UnsafeRawBufferPointer(rebasing: rest[..<consumed])
                rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
                self.io[link].pointee.input.clear(to: &self.io.blocks)
                guard self.response.isInterim else {
                    return self.beginResponse(index, from: head, rest: rest)
                }
                guard self.passInterim(index, head) else { return false }
                guard !rest.isEmpty else { return true }
            }
        }
    }

    @inline(__always)
    func parseResponse(_ bytes: UnsafeRawBufferPointer, isHead: Bool) -> HeadParse {
        ResponseHead.parseResponse(
            bytes,
            requestMethodIsHead: isHead,
            into: &self.response,
            fields: self.responseFields,
            limits: self.limits
        )
    }

    private func keepPartialHead(
        _ link: Int32,
        _ rest: UnsafeRawBufferPointer,
        of bytes: UnsafeRawBufferPointer,
        kept: Int
    ) -> Bool {
        if rest.count == bytes.count {
            let added = UnsafeRawBufferPointer(rebasing: bytes[kept...])
            self.io[link].pointee.input.append(added, from: &self.io.blocks)
        } else {
            self.io[link].pointee.input.clear(to: &self.io.blocks)
            self.io[link].pointee.input.append(rest, from: &self.io.blocks)
        }
        return true
    }

    /// Passes a 1xx on to clients that know such a thing; our own `100 Continue` was sent before.
    func passInterim(_ index: Int32, _ head: UnsafeRawBufferPointer) -> Bool {
        let attempt = self.attempts[index]
        let place = attempt.pointee.exchange
        attempt.pointee.interims += 1
        guard attempt.pointee.interims <= Self.interimLimit else {
            self.attemptFailed(index, .malformed)
            return false
        }
        guard self.response.status != 100,
            !self.exchanges[place].pointee.flags.contains(.isHTTP10)
        else { return true }
        var writer = self.writer.headWriter()
        ForwardedHeaders.writeInterim(
            self.response,
            self.responseFields,
            from: head,
            into: &writer
        )
        guard let written = writer.written else { return true }
        guard self.sendInterim(place, written.count) else {
            self.closeClient(place)
            return false
        }
        return true
    }

    /// Writes the client's head of the response; its length, or `nil` when the response may not be
    /// passed on.
    ///
    /// `lines` are those that filters add.
    func writeResponseHead(
        _ index: Int32,
        from bytes: UnsafeRawBufferPointer,
        adding lines: UnsafeRawBufferPointer
    ) -> Int? {
        let place = self.attempts[index].pointee.exchange
        let exchange = self.exchanges[place]
        if self.response.keepAlive { self.attempts[index].pointee.flags.insert(.keepsLink) }
        guard self.frameResponse(exchange, from: bytes) else { return nil }
        let isHTTP10 = exchange.pointee.flags.contains(.isHTTP10)
        let upstreamTime = max(0, self.now - exchange.pointee.attemptAt)
        let total = max(0, self.now - exchange.pointee.begunAt)
        var hop = ForwardedHeaders.ReturnHop(
            clientVersion: isHTTP10 ? .http10 : .http11,
            keepsClient: exchange.pointee.flags.contains(.keepsClient),
            upstreamMilliseconds: UInt64(upstreamTime / 1_000_000),
            proxyMilliseconds: UInt64(max(0, total - upstreamTime) / 1_000_000),
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
        hop.date = self.date
        hop.tokens = self.settings.configuration.responseTokens
        hop.passesTrailers =
            exchange.pointee.flags.contains(.takesTrailers)
            && (exchange.pointee.stream != 0 || exchange.pointee.flags.contains(.sendsChunks))
        if self.attempts[index].pointee.stream != 0 { hop.receivedVersion = .http2 }
        hop.additionalFields = lines
        var writer = self.writer.headWriter()
        if self.settings.configuration.allowsDebugField
            || exchange.pointee.flags.contains(.setsCookie)
        {
            hop.additionalFields = self.withOwnFields(exchange, lines)
        }
        ForwardedHeaders.writeResponse(
            self.response,
            self.responseFields,
            from: bytes,
            hop: hop,
            into: &writer
        )
        return writer.written?.count
    }

    /// Whether the target understood a WebSocket handshake whose key is ours (RFC 6455 section 4.1).
    ///
    /// Clients that made their key themselves check it themselves.
    private func acceptsKey(
        _ exchange: UnsafeMutablePointer<Exchange>,
        from bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let scope = self.reader.load(exchange.pointee.head)
        var expected: [UInt8] = []
        _ = scope.anyField(named: Self.bytes("sec-websocket-key")) { key in
            expected = WebSocketKey.accept(key)
            return true
        }
        return self.responseFields.anyValue(
            named: Self.bytes("sec-websocket-accept"),
            count: self.response.fieldCount,
            of: bytes,
            where: { $0.elementsEqual(expected) }
        )
    }

    private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Decides how the response is framed for the client and whether its connection stays;
    /// `false` for a response that may not be passed on.
    @inline(__always)
    private func frameResponse(
        _ exchange: UnsafeMutablePointer<Exchange>,
        from bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let isHTTP10 = exchange.pointee.flags.contains(.isHTTP10)
        if self.response.status == 101 {
            guard exchange.pointee.flags.contains(.asksUpgrade),
                !exchange.pointee.flags.contains(.isExtendedConnect)
                    || self.acceptsKey(exchange, from: bytes)
            else { return false }
            exchange.pointee.flags.insert(.isRelay)
            exchange.pointee.flags.remove([.keepsClient, .requestComplete])
            return true
        }
        // RFC 8441 section 5: any 2xx would tell the client that its WebSocket is open.
        guard
            !exchange.pointee.flags.contains(.isExtendedConnect)
                || !(200..<300).contains(self.response.status)
        else { return false }
        let framing = ForwardedHeaders.framingForClient(
            self.response,
            clientVersion: isHTTP10 ? .http10 : .http11
        )
        if framing == .chunked { exchange.pointee.flags.insert(.sendsChunks) }
        if framing == .untilClose { exchange.pointee.flags.insert(.endsByClose) }
        if framing == .untilClose || self.closesClients
            || !exchange.pointee.flags.contains(.requestComplete)
        {
            exchange.pointee.flags.remove(.keepsClient)
        }
        return true
    }
}
