internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting
internal import MeshTLS

/// Whether a request whose route is known may go on: its connection, its protocol, its size.
extension Worker {
    /// Answers and returns `false` when the request may not go on.
    @inline(__always)
    func admit(_ place: Int32, _ scope: borrowing RequestScope) -> Bool {
        let exchange = self.exchanges[place]
        guard let route = self.routePlan(exchange) else { return false }
        if self.io[exchange.pointee.client].pointee.isTLS, self.isMisdirected(exchange, scope) {
            self.answer(place, scope, status: 421)
            return false
        }
        if scope.head.kinds.has(.contentType),
            ErrorFormat.isGRPC(scope.head, scope.fields, from: scope.bytes)
        {
            exchange.pointee.flags.insert(.isGRPC)
            self.setDeadline(exchange, scope)
        }
        let decision = route.pointee.protocols.decision(for: self.protocols(exchange, scope))
        guard decision == .pass else {
            self.answer(place, scope, decision)
            return false
        }
        let limit = self.settings.configuration.maximumBodyByteCount
        if limit > 0, case .length(let count) = scope.head.framing, count > UInt64(limit) {
            exchange.pointee.flags.remove(.keepsClient)
            exchange.pointee.failure = ProxyFailure(cause: .clientTooLarge)
            self.answer(place, scope, status: 413)
            return false
        }
        return true
    }

    @inline(__always)
    private func protocols(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> RequestProtocol {
        var request = RequestProtocol()
        request.isSecure =
            self.io[exchange.pointee.client].pointee.isTLS || self.saysSecure(exchange, scope)
        request.isHTTP2 = exchange.pointee.flags.contains(.isHTTP2)
        request.isGRPC = exchange.pointee.flags.contains(.isGRPC)
        request.isWebSocket = exchange.pointee.flags.contains(.asksUpgrade)
        return request
    }

    /// Whether a trusted proxy in front says that the client came over TLS.
    func saysSecure(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> Bool {
        guard exchange.pointee.flags.contains(.isTrusted), scope.head.kinds.has(.xForwardedProto)
        else { return false }
        for index in 0..<scope.head.fieldCount where scope.fields[index].kind == .xForwardedProto {
            let value = scope.fields[index].value.bytes(of: scope.bytes)
            return value.elementsEqual("https".utf8)
        }
        return false
    }

    /// Whether the request names another host than the handshake did (RFC 9110 section 15.5.20),
    /// and no one certificate is for both.
    private func isMisdirected(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> Bool {
        let name = self.io.serverName(exchange.pointee.client)
        guard !name.isEmpty, let host = self.reader.lowerCasedHost(scope), !host.isEmpty,
            !host.elementsEqual(name)
        else { return false }
        return !(self.contexts.server?.showsSame(name, host) ?? false)
    }

    /// Reads the deadline that a gRPC client gives.
    private func setDeadline(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) {
        let name: StaticString = "grpc-timeout"
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        for index in 0..<scope.head.fieldCount where scope.isField(index, named: bytes) {
            let value = scope.fields[index].value.bytes(of: scope.bytes)
            guard let limit = GRPC.timeout(value) else { return }
            exchange.pointee.deadline = self.milliseconds + Int64(limit)
            return self.timers.set(
                .exchange,
                self.place(of: exchange),
                exchange.pointee.deadline
            )
        }
    }

    /// Limits how long the request may wait for an answer, from its first byte on.
    @inline(never)
    func setDeadline(_ place: Int32, after milliseconds: Int64) {
        let exchange = self.exchanges[place]
        let end = exchange.pointee.begunAt / 1_000_000 + milliseconds
        let own = exchange.pointee.deadline
        guard own == 0 || end < own else { return }
        exchange.pointee.deadline = end
        exchange.pointee.flags.insert(.mayAnswerLate)
        self.timers.set(.exchange, place, end)
    }

    /// The answer has begun: the route's limit has been kept.
    @inline(never)
    func clearDeadline(_ exchange: UnsafeMutablePointer<Exchange>) {
        exchange.pointee.deadline = 0
        exchange.pointee.flags.remove(.mayAnswerLate)
        if exchange.pointee.stream == 0 {
            self.timers.clear(.exchange, self.place(of: exchange))
        }
    }

    /// The exchange's own index.
    func place(of exchange: UnsafeMutablePointer<Exchange>) -> Int32 {
        Int32(truncatingIfNeeded: exchange - self.exchanges.base)
    }

    /// Answers a request that speaks a protocol which its route does not take, as Kong does.
    private func answer(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        _ decision: RouteProtocolDecision
    ) {
        var lines = HeadWriter(self.extraLines)
        if let upgrade = decision.upgrade {
            lines.write("Connection: Upgrade\r\nUpgrade: ")
            lines.write(upgrade)
            lines.write("\r\n")
        }
        if case .redirect = decision {
            lines.write("Location: https://")
            lines.write(scope.head.host, of: scope.bytes)
            lines.write(scope.head.target, of: scope.bytes)
            lines.write("\r\n")
        }
        if let status = decision.grpcStatus {
            lines.write("Content-Type: application/grpc\r\ngrpc-status: ")
            lines.write(decimal: UInt64(status))
            lines.write("\r\ngrpc-message: ")
            lines.write(decision.message ?? "")
            lines.write("\r\n")
        }
        let hasBody = decision.grpcStatus == nil
        self.answer(
            place,
            scope,
            status: UInt16(decision.status ?? 500),
            message: hasBody ? decision.message : nil,
            lines: lines.written,
            hasBody: hasBody
        )
    }

    /// Who the client is, when a trusted proxy in front says so.
    func findClient(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) {
        let address = self.io[exchange.pointee.client].pointee.address
        exchange.pointee.origin = address
        guard !self.realAddress.trusted.isEmpty else { return }
        let peer = SocketAddress.decode(address).address
        guard self.realAddress.trusted.contains(peer) else { return }
        exchange.pointee.flags.insert(.isTrusted)
        let found = self.realAddress.find(
            peer: peer,
            proxied: self.proxied[exchange.pointee.client],
            scope.head,
            scope.fields,
            from: scope.bytes
        )
        if let found { exchange.pointee.origin = SocketAddress.encode(found) }
    }

    /// Whether a body that goes on without a declared length is still within the limit; answers and
    /// returns `false` when it is not.
    @inline(__always)
    func admitBody(_ place: Int32) -> Bool {
        let limit = self.settings.configuration.maximumBodyByteCount
        let exchange = self.exchanges[place]
        let received = exchange.pointee.received &- UInt64(exchange.pointee.head.count)
        guard limit > 0, received > UInt64(limit), !exchange.pointee.flags.contains(.isRelay)
        else { return true }
        exchange.pointee.flags.remove(.keepsClient)
        exchange.pointee.failure = ProxyFailure(cause: .clientTooLarge)
        if exchange.pointee.flags.contains(.responseBegun) {
            exchange.pointee.flags.insert(.isCut)
            self.finish(place)
        } else {
            self.answer(place, status: 413)
        }
        return false
    }
}
