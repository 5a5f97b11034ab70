internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting

/// What the life of a request asks of its head: the route, and the head that the target gets.
extension Worker {
    /// Asks the router.
    func match(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> RouteMatch? {
        guard let host = self.reader.lowerCasedHost(scope) else { return nil }
        let port = self.port(of: exchange.pointee.client)
        var query = RouteQuery(
            method: scope.head.methodName.bytes(of: scope.bytes),
            host: host,
            path: scope.path,
            port: scope.head.port != 0 ? scope.head.port : port
        )
        if self.io[exchange.pointee.client].pointee.isTLS {
            query.isTLS = true
            query.serverName = self.io.serverName(exchange.pointee.client)
        }
        let scratch = self.scratch
        // Within the closure the table needs no reference of its own.
        return exchange.pointee.view.pointee.snapshot._withUnsafeGuaranteedRef { snapshot in
            let needs = snapshot.table.needs
            if !needs.isEmpty { self.show(needs, to: &query, exchange, scope) }
            return snapshot.table.match(query, scratch: scratch) { name, test in
                scope.anyField(named: name, test)
            }
        }
    }

    /// Shows the router what only expressions ask for.
    private func show(
        _ needs: QueryNeeds,
        to query: inout RouteQuery,
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) {
        if needs.contains(.query) {
            let marked = scope.head.query.bytes(of: scope.bytes)
            query.query = UnsafeRawBufferPointer(rebasing: marked.dropFirst())
        }
        if needs.contains(.source) {
            query.source = SocketAddress.decode(exchange.pointee.origin)
        }
        if needs.contains(.destination) {
            query.destination = SocketAddress.decode(
                self.io.localAddress(exchange.pointee.client)
            )
        }
    }

    /// Index of the upstream that the exchange's route leads to.
    @inline(__always)
    func upstreamIndex(_ exchange: UnsafeMutablePointer<Exchange>) -> UpstreamIndex? {
        guard exchange.pointee.route >= 0 else { return nil }
        let index = UpstreamIndex(
            rawValue: exchange.pointee.view.pointee.routes[Int(exchange.pointee.route)].upstream
        )
        return index.isSome ? index : nil
    }

    @inline(__always)
    func routePlan(
        _ exchange: UnsafeMutablePointer<Exchange>
    ) -> UnsafePointer<RoutePlan>? {
        guard exchange.pointee.route >= 0 else { return nil }
        return exchange.pointee.view.pointee.routes + Int(exchange.pointee.route)
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

    /// Writes the target's head of the request at hand; its length, or `nil` if it is too long.
    func writeRequestHead(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> Int? {
        guard let target = self.targetPlan(exchange), let route = self.routePlan(exchange) else {
            return nil
        }
        let matched = exchange.pointee.matched
        let link = self.io[exchange.pointee.client]
        var hop = ForwardedHeaders.Hop(
            peer: self.peerText(link.pointee.address),
            port: self.port(of: exchange.pointee.client),
            upstreamHost: target.pointee.hostHeader.bytes,
            requestID: self.requestID(exchange),
            product: UnsafeRawBufferPointer(self.product)
        )
        hop.isTLS = link.pointee.isTLS
        hop.peerIsTrusted = exchange.pointee.flags.contains(.isTrusted)
        if hop.peerIsTrusted { hop.client = self.originText(exchange.pointee.origin) }
        if exchange.pointee.flags.contains(.isHTTP2) { hop.receivedVersion = .http2 }
        hop.passesTrailers = scope.head.framing == .chunked
        if let block = exchange.pointee.filters { hop.additionalFields = block.addedLines }
        if route.pointee.preserveHost, !scope.head.authority.isEmpty {
            hop.upstreamHost = scope.head.authority.bytes(of: scope.bytes)
        }
        if route.pointee.stripPath, matched > 1 {
            hop.strippedPrefix = UnsafeRawBufferPointer(rebasing: scope.path[..<matched])
        }
        var writer = self.writer.headWriter()
        if let block = exchange.pointee.filters {
            if !block.host.isEmpty { hop.upstreamHost = block.host }
            if block.method.isEmpty {
                writer.write(scope.head.methodName, of: scope.bytes)
            } else {
                writer.write(block.method)
            }
            writer.write(" ")
            if block.path.isEmpty {
                self.writePath(route, matched, scope, into: &writer)
            } else {
                writer.write(escapingPath: block.path)
            }
        } else if scope.hasPlainPath, !route.pointee.stripPath,
            route.pointee.servicePath.count <= 1
        {
            // Without a prefix on either side the path stays as it is.
            ForwardedHeaders.writeTarget(
                method: scope.head.methodName.bytes(of: scope.bytes),
                path: scope.path,
                into: &writer
            )
        } else {
            writer.write(scope.head.methodName, of: scope.bytes)
            writer.write(" ")
            self.writePath(route, matched, scope, into: &writer)
        }
        let query = exchange.pointee.filters?.query ?? scope.head.query.bytes(of: scope.bytes)
        if !query.isEmpty { writer.write(escapingNonASCII: query) }
        writer.write(" HTTP/1.1\r\n")
        ForwardedHeaders.writeRequestFields(
            scope.head,
            scope.fields,
            from: scope.bytes,
            hop: hop,
            into: &writer
        )
        return writer.written?.count
    }

    @inline(__always)
    private func writePath(
        _ route: UnsafePointer<RoutePlan>,
        _ matched: Int,
        _ scope: borrowing RequestScope,
        into writer: inout HeadWriter
    ) {
        let path = scope.path
        if !route.pointee.stripPath, route.pointee.servicePath.count <= 1 {
            return writer.write(escapingPath: path)
        }
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

    /// The host that a client named, without its port; `nil` without one, or in a stream.
    func clientHost(_ exchange: UnsafeMutablePointer<Exchange>) -> String? {
        guard !exchange.pointee.flags.contains(.isStream) else { return nil }
        let head = exchange.pointee.head.first
        let authority: String
        if head.count == exchange.pointee.head.count {
            authority = String(
                decoding: exchange.pointee.named.authority.bytes(of: head),
                as: UTF8.self
            )
        } else {
            let scope = self.reader.load(exchange.pointee.head)
            authority = String(decoding: scope.head.authority.bytes(of: scope.bytes), as: UTF8.self)
        }
        return authority.isEmpty ? nil : HopIdentity.name(in: authority).lowercased()
    }

    /// The port that a client connected to.
    @inline(__always)
    func port(of client: Int32) -> UInt16 {
        self.listenerPorts[Int(self.io[client].pointee.listener)]
    }

    /// The client's address as text; clients in a row often have the same one.
    func peerText(_ address: mesh_address) -> UnsafeRawBufferPointer {
        let known = self.memory.pointee.peerAddress
        if known.low != address.low || known.high != address.high
            || known.family != address.family
        {
            self.memory.pointee.peerAddress = address
            self.memory.pointee.peerCount = SocketAddress.write(address, to: self.peer)
        }
        return UnsafeRawBufferPointer(start: self.peer, count: self.memory.pointee.peerCount)
    }

    /// An address other than the peer's as text, valid until the next one.
    func originText(_ address: mesh_address) -> UnsafeRawBufferPointer {
        let start = self.peer + 64
        return UnsafeRawBufferPointer(start: start, count: SocketAddress.write(address, to: start))
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
