internal import MeshHTTP

/// The client's side of an exchange, whatever it speaks: heads and plain bodies in, bytes out.
///
/// An HTTP/1 link carries one exchange at a time; an HTTP/2 link carries many, each a stream of its
/// session. Framing towards clients is here and nowhere else.
extension Worker {
    /// Takes the framing off what came from an HTTP/1 client; what follows the body is kept for the
    /// next request.
    ///
    /// Returns `nil` when the bytes are refused; the exchange has ended then.
    func decodeRequest(
        _ place: Int32,
        _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[place]
        let piece = exchange.pointee.decoder.decode(bytes, &self.io.blocks)
        exchange.pointee.received &+= UInt64(piece.consumed)
        exchange.pointee.progress += piece.consumed
        if let fault = piece.fault {
            self.refuseBody(place, fault)
            return nil
        }
        guard self.admitBody(place) else { return nil }
        if piece.hasEnded { self.endRequest(exchange) }
        if piece.consumed < bytes.count {
            let surplus = UnsafeRawBufferPointer(rebasing: bytes[piece.consumed...])
            self.io[exchange.pointee.client].pointee.input.append(surplus, from: &self.io.blocks)
        }
        return piece.plain
    }

    /// Notes that the request's body is whole.
    @inline(__always)
    func endRequest(_ exchange: UnsafeMutablePointer<Exchange>) {
        exchange.pointee.flags.insert(.requestComplete)
        exchange.pointee.flags.remove(.awaitsContinue)
    }

    private func refuseBody(_ place: Int32, _ fault: HTTPFault) {
        let exchange = self.exchanges[place]
        self.counters.add(WorkerCounter.malformed)
        exchange.pointee.flags.remove(.keepsClient)
        exchange.pointee.failure = ProxyFailure(cause: .clientMalformed)
        guard exchange.pointee.flags.contains(.responseBegun) else {
            return self.answer(place, status: fault.status, message: fault.message)
        }
        exchange.pointee.flags.insert(.isCut)
        self.finish(place)
    }

    /// Sends the head written last (`head` bytes of it; none when 0) and a plain piece of the body.
    ///
    /// Returns `false` when the client is gone.
    @inline(__always)
    func sendToClient(
        _ place: Int32,
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else {
            return self.sendToStream(place, head: head, plain, isLast: isLast)
        }
        var framing: MessageWriter.Framing = isLast ? .last : []
        var trailers = UnsafeRawBufferPointer(start: nil, count: 0)
        if exchange.pointee.flags.contains(.sendsChunks) {
            framing.insert(.chunked)
            if isLast, let lines = self.trailersForClient(exchange) { trailers = lines }
        }
        let count = self.writer.send(
            head: head,
            plain,
            framing,
            trailers: trailers,
            to: exchange.pointee.client,
            by: &self.io
        )
        guard count >= 0 else { return false }
        exchange.pointee.returned &+= UInt64(count)
        return true
    }

    /// Sends a whole response that the gateway made; `false` when the client is gone.
    func sendGenerated(_ place: Int32, _ count: Int) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else {
            return self.sendGeneratedToStream(place, count)
        }
        exchange.pointee.flags.remove([.sendsChunks, .endsByClose])
        exchange.pointee.returned &+= UInt64(count)
        return self.io.write(exchange.pointee.client, self.writer.head(count))
    }

    /// Sends an interim response that stands in the writer; `false` when the client is gone.
    func sendInterim(_ place: Int32, _ count: Int) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else {
            return self.sendToStream(
                place,
                head: count,
                UnsafeRawBufferPointer(start: nil, count: 0),
                isLast: false
            )
        }
        return self.io.write(exchange.pointee.client, self.writer.head(count))
    }

    /// Tells a waiting client to send its body, once there is a target to take it.
    ///
    /// Returns `false` when the client is gone.
    @inline(__always)
    func allowContinue(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.flags.contains(.awaitsContinue), exchange.pointee.attempt >= 0
        else { return true }
        let link = self.attempts[exchange.pointee.attempt].pointee.link
        guard link >= 0, self.io[link].pointee.phase == .open else { return true }
        return self.sendContinue(place)
    }

    /// Tells a client to send its body; `false` when the client is gone.
    func sendContinue(_ place: Int32) -> Bool {
        self.exchanges[place].pointee.flags.remove(.awaitsContinue)
        var writer = self.writer.headWriter()
        writer.write("HTTP/1.1 100 Continue\r\n\r\n")
        guard self.sendInterim(place, writer.written?.count ?? 0) else {
            self.closeClient(place)
            return false
        }
        return true
    }

    /// Whether the client can take more of the response now.
    @inline(__always)
    func clientTakesMore(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        // What is on disk goes first: only its end makes room for more than the disk has.
        if exchange.pointee.flags.contains(.responseSpilled) { return self.mayWait(exchange) }
        guard exchange.pointee.stream == 0 else { return self.streamTakesMore(exchange) }
        return self.io[exchange.pointee.client].pointee.isWritten || self.mayWait(exchange)
    }

    /// Looks for more of the request where the client may have sent it.
    @inline(__always)
    func lookAgain(_ place: Int32) {
        let exchange = self.exchanges[place]
        let client = exchange.pointee.client
        self.pumpSoon(place)
        guard exchange.pointee.stream == 0 else { return self.resumeStream(exchange) }
        if self.io[client].pointee.isReadable { self.postpone(client) }
    }

    /// Ends an exchange whose client is broken; its connection goes, too.
    func closeClient(_ place: Int32) {
        let exchange = self.exchanges[place]
        guard exchange.pointee.stream == 0 else { return self.breakStream(place) }
        self.close(exchange.pointee.client)
    }

    /// Parts a client from an exchange that has ended: the connection is kept, emptied or closed.
    func release(
        _ place: Int32,
        _ client: Int32,
        stream: Int32,
        unconsumed: Int32,
        after flags: Exchange.Flags
    ) {
        guard stream == 0 else {
            return self.releaseStream(
                place,
                client,
                stream,
                unconsumed: unconsumed,
                after: flags
            )
        }
        let link = self.io[client]
        link.pointee.owner = -1
        let fate = ConnectionFate(
            ConnectionFate.Circumstances(
                keepsClient: flags.contains(.keepsClient),
                requestComplete: flags.contains(.requestComplete),
                isDraining: self.closesClients,
                isWhole: !flags.contains(.isCut),
                endsByClose: flags.contains(.endsByClose)
            )
        )
        switch fate {
        case .keep: self.awaitNextRequest(client)
        case .linger:
            link.pointee.flags.insert(.lingersWhenWritten)
            self.leave(client)
        case .close: self.leave(client)
        case .reset:
            link.pointee.flags.insert(.resetsWhenWritten)
            self.leave(client)
        }
    }

    @inline(__always)
    private func awaitNextRequest(_ client: Int32) {
        let link = self.io[client]
        let isWritten = link.pointee.isWritten
        self.patience(client, isWritten ? self.timeouts.idle : self.timeouts.writeStall)
        if !isWritten { self.noteOwed(client) }
        if isWritten, !link.pointee.input.isEmpty { self.postpone(client) }
        if link.pointee.isReadable { self.postpone(client) }
    }
}
