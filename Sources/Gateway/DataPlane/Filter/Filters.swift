internal import CMeshSystem
internal import Glibc
internal import MeshHTTP
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshTLS

/// Running a route's plugins; nothing here is reached by requests of routes without any.
///
/// What they remember stands in one block per exchange.
extension Worker {
    func chain(_ exchange: UnsafeMutablePointer<Exchange>) -> PluginChain {
        exchange.pointee.view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.chains[Int(exchange.pointee.route)] }
    }

    func consumers(_ exchange: UnsafeMutablePointer<Exchange>) -> ConsumerDirectory {
        exchange.pointee.view.pointee.snapshot._withUnsafeGuaranteedRef { $0.consumers }
    }

    /// Runs the access phase; `false` when a step answers, or suspends the request.
    ///
    /// `body` is what came of the request's body, which a suspended request keeps.
    func filter(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) -> Bool {
        let exchange = self.exchanges[place]
        let block = self.io.blocks.take()
        exchange.pointee.filters = block
        block.beginFilter()
        block.filter.pointee.changesRequest =
            scope.head.framing != .none
            && exchange.pointee.flags.isDisjoint(with: [.asksUpgrade, .isExtendedConnect])
            && self.chain(exchange).changesBodies
        return self.runAccess(place, scope, from: 0, body: body)
    }

    /// Runs the access phase from a step on.
    func runAccess(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        from step: Int,
        body: UnsafeRawBufferPointer
    ) -> Bool {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters else { return true }
        var edits = block.edits
        edits.received = ReceivedFields(
            scope.fields,
            count: scope.head.fieldCount,
            of: scope.bytes
        )
        let chain = self.chain(exchange)
        let (verdict, next) = chain.access(
            self.pluginRequest(exchange, scope, chain),
            from: step,
            state: &block.filter.pointee.plugins,
            edits: &edits
        )
        guard self.take(edits, place, block, scope) else { return false }
        switch verdict {
        case .next: return true
        case .answer(let answer):
            block.filter.pointee.answeredBy = Int32(truncatingIfNeeded: next - 1)
            self.answer(place, scope, status: answer.status, plugin: answer)
        case .suspend(let milliseconds, let status):
            self.suspend(place, next, milliseconds: milliseconds, status: status, body: body)
        case .gather(let limit): self.gather(place, next - 1, byteLimit: limit, body: body)
        }
        return false
    }

    /// Keeps edits; answers and returns `false` when there are too many to be obeyed.
    func take(
        _ edits: PluginEdits,
        _ place: Int32,
        _ block: UnsafeMutablePointer<Block>,
        _ scope: borrowing RequestScope
    ) -> Bool {
        guard !edits.overflowed else {
            self.exchanges[place].pointee.failure = ProxyFailure(cause: .exhausted)
            self.answer(place, scope, status: 500)
            return false
        }
        block.keep(edits)
        return true
    }

    /// Goes on with a request that all steps let pass.
    func proceedFiltered(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let isLast = self.exchanges[place].pointee.flags.contains(.requestComplete)
        guard let changed = self.filterBody(place, body, isLast: isLast) else { return }
        self.advance(place, scope, body: changed)
    }

    func pluginRequest(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope,
        _ chain: PluginChain
    ) -> PluginRequest {
        let link = self.io[exchange.pointee.client]
        var request = PluginRequest(
            head: scope.head,
            fields: scope.fields,
            bytes: scope.bytes,
            random: (self.generator.next(), self.generator.next()),
            worker: self.identity,
            counter: self.counters.read(WorkerCounter.requests)
        )
        request.resumption = self.suspensions.makeResumption()
        request.listenPort = self.port(of: exchange.pointee.client)
        request.clientAddress = SocketAddress.decode(exchange.pointee.origin).address
        request.isHTTP2 = exchange.pointee.flags.contains(.isHTTP2)
        request.secured = link.pointee.tls?.handle
        request.outside = self.settings.outside
        request.consumers = self.consumers(exchange)
        request.path = scope.path
        if chain.readsCaptures {
            request.captures = exchange.pointee.view.pointee.snapshot
                ._withUnsafeGuaranteedRef { $0.captures(ofRoute: Int(exchange.pointee.route)) }
        }
        if chain.readsMatched {
            let documents = exchange.pointee.view.pointee.snapshot
                ._withUnsafeGuaranteedRef { $0.logDocuments(ofRoute: Int(exchange.pointee.route)) }
            request.matched = (documents.route, documents.service)
        }
        request.route = exchange.pointee.view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.routeID(Int(exchange.pointee.route)) }
        request.service = exchange.pointee.view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.service(ofRoute: Int(exchange.pointee.route)) }
        request.shared = self.settings.shared
        if chain.readsListenAddress {
            request.listenAddress = self.originText(self.io.localAddress(exchange.pointee.client))
        }
        request.connection =
            UInt64(link.pointee.generation) << 32
            | UInt64(UInt32(bitPattern: exchange.pointee.client))
        request.connectionRequests = UInt64(link.pointee.requests)
        request.process = self.processID
        request.wallMilliseconds = UInt64(max(0, mesh_clock_wall_milliseconds()))
        switch exchange.pointee.filters?.filter.pointee.gathered {
        case .whole: request.content = .whole(exchange.pointee.held.bytes)
        case .tooLong: request.content = .unreadable
        case .nothing, nil: break
        }
        return request
    }

    /// Repeats the edits on a request's head that was just laid out.
    func editRequest(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) {
        guard let block = exchange.pointee.filters else { return }
        let dropped = block.droppedNames
        let changesBody = block.filter.pointee.changesRequest
        let count = block.filter.pointee.bodyCount
        guard !dropped.isEmpty || changesBody || count >= 0 else { return }
        let bytes = scope.bytes
        self.reader.edit(scope) { head, fields in
            PluginEdits.forEachName(in: dropped) { head.drop($0, in: fields, of: bytes) }
            if changesBody { head.forgetLength() }
            if count >= 0 { head.setLength(UInt64(count)) }
        }
    }

    /// Runs the response phase on the response head at hand; the lines to add are valid until lines
    /// are next written.
    ///
    /// `nil` when there are too many edits to be obeyed.
    func editResponse(
        _ exchange: UnsafeMutablePointer<Exchange>,
        from bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let block = exchange.pointee.filters else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        let chain = self.chain(exchange)
        guard chain.responds else {
            // What the access phase left is all there is.
            self.change(exchange, block, chain, dropping: block.responseDropped, from: bytes)
            return block.responseLines
        }
        let edits = self.filterLines(
            exchange,
            ReceivedFields(self.responseFields, count: self.response.fieldCount, of: bytes),
            status: self.response.status
        )
        guard !edits.overflowed else { return nil }
        block.filter.pointee.refusal = edits.refusal
        block.filter.pointee.answeredBy = edits.refusedBy
        guard edits.refusal == 0 else { return nil }
        self.change(
            exchange,
            block,
            chain,
            dropping: edits.dropped,
            collects: edits.collectsBody,
            keeps: edits.keepsBody,
            from: bytes
        )
        return edits.added
    }

    /// Drops names from the response head at hand, and says whether its body goes through the steps.
    private func change(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>,
        _ chain: PluginChain,
        dropping dropped: UnsafeRawBufferPointer,
        collects: Bool = false,
        keeps: Int = 0,
        from bytes: UnsafeRawBufferPointer
    ) {
        let fields = self.responseFields
        PluginEdits.forEachName(in: dropped) { name in
            self.response.drop(name, in: fields, of: bytes)
        }
        // An attempt before may have begun to answer.
        block.filter.pointee.collected.clear(to: &self.io.blocks)
        guard self.response.status != 101 else { return }
        block.filter.pointee.keptLimit = keeps
        guard self.response.framing != .none else { return }
        block.filter.pointee.changesResponse = chain.changesBodies
        block.filter.pointee.collectsResponse = collects
        if chain.changesBodies || collects { self.response.forgetLength() }
    }

    /// Lines for the client's head with a cookie and Kong's debugging fields behind them, where the
    /// upstream or the request asks for them.
    func withOwnFields(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ lines: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        guard let route = self.routePlan(exchange) else { return lines }
        var writer = HeadWriter(self.extraLines)
        writer.write(lines)
        if exchange.pointee.flags.contains(.setsCookie) {
            self.writeCookie(exchange, into: &writer)
        }
        if self.settings.configuration.allowsDebugField {
            let scope = self.reader.load(exchange.pointee.head)
            if DebugFields.areAsked(by: scope.head, scope.fields, from: scope.bytes) {
                writer.write(route.pointee.debugLines.bytes)
            }
        }
        return writer.written ?? lines
    }

    /// Runs the response phase; the edits are valid until lines are next written.
    ///
    /// `received` is what the target's head came with; nil for an answer of the gateway's.
    func filterLines(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ received: ReceivedFields? = nil,
        status: UInt16 = 0
    ) -> PluginEdits {
        let room = self.lines
        var edits = PluginEdits(
            names: UnsafeMutableRawBufferPointer(rebasing: room[..<4_096]),
            lines: UnsafeMutableRawBufferPointer(rebasing: room[4_096...])
        )
        edits.received = received
        edits.status = status
        edits.shared = self.settings.shared
        if let block = exchange.pointee.filters {
            edits.begin(dropped: block.responseDropped, added: block.responseLines)
            self.chain(exchange).response(
                self.consumers(exchange),
                block.filter.pointee.plugins,
                edits: &edits
            )
            block.filter.pointee.plugins.changedBy |= edits.changedBy
        }
        return edits
    }

    /// What the target gets in place of a piece of the request's body; answers and returns `nil` when
    /// it does not fit.
    func filterBody(
        _ place: Int32,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters, !exchange.pointee.flags.contains(.isRelay)
        else { return plain }
        block.filter.pointee.plugins.bodyCount &+= UInt64(plain.count)
        guard
            block.filter.pointee.plugins.bodyCount <= block.filter.pointee.plugins.bodyLimit
        else {
            block.filter.pointee.answeredBy = block.filter.pointee.plugins.bodyLimitedBy
            self.refuseBody(place, status: 413, message: "Request size limit exceeded")
            return nil
        }
        guard block.filter.pointee.changesRequest else { return plain }
        let changed = self.chain(exchange).body(
            PluginBodyPiece(
                side: .request,
                isLast: isLast,
                state: block.filter.pointee.plugins
            ),
            plain,
            self.consumers(exchange),
            rooms: self.bodyRooms()
        )
        if changed == nil { self.refuseBody(place, status: 500) }
        return changed
    }

    /// Answers a request whose body may not go on, or cuts an answer that has begun.
    func refuseBody(_ place: Int32, status: UInt16, message: StaticString? = nil) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.remove(.keepsClient)
        if exchange.pointee.flags.contains(.responseBegun) {
            exchange.pointee.flags.insert(.isCut)
            self.finish(place)
        } else {
            self.answer(place, status: status, message: message)
        }
    }

    /// What the client gets in place of a piece of the response's body; cuts the response and returns
    /// `nil` when it does not fit.
    func filterResponseBody(
        _ index: Int32,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard let block = exchange.pointee.filters else { return plain }
        guard block.filter.pointee.changesResponse else {
            guard block.filter.pointee.collectsResponse else {
                if block.filter.pointee.keptLimit > 0 {
                    self.keepResponse(index, block, plain, isLast: isLast)
                }
                return plain
            }
            return self.collectResponse(index, plain, isLast: isLast)
        }
        let trailers = isLast ? self.attempts[index].pointee.decoder.trailers.bytes : []
        let changed = trailers.withUnsafeBytes { trailers in
            self.chain(exchange).body(
                PluginBodyPiece(
                    side: .response,
                    isLast: isLast,
                    state: block.filter.pointee.plugins,
                    trailers: trailers
                ),
                plain,
                self.consumers(exchange),
                rooms: self.bodyRooms()
            )
        }
        guard let changed else {
            self.cut(index, .exhausted)
            return nil
        }
        guard block.filter.pointee.collectsResponse else {
            if block.filter.pointee.keptLimit > 0 {
                self.keepResponse(index, block, changed, isLast: isLast)
            }
            return changed
        }
        return self.collectResponse(index, changed, isLast: isLast)
    }

    func bodyRooms() -> (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) {
        let rooms = self.filterRooms ?? FilterRooms()
        self.filterRooms = rooms
        return (rooms.first, rooms.second)
    }
}

/// Two buffers that body steps write to in turn; made when a body is first changed.
final class FilterRooms {
    /// Most bytes that one piece, at most 66 KiB, may become.
    private static let byteCount = 256 * 1_024
    let first = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    let second = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    /// The whole body that was made last.
    private var whole: UnsafeMutableRawBufferPointer?

    /// Keeps a whole body until the next one.
    func keep(_ body: [UInt8]) -> UnsafeRawBufferPointer {
        self.whole?.deallocate()
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 1)
        room.copyBytes(from: body)
        self.whole = room
        return UnsafeRawBufferPointer(room)
    }

    deinit {
        self.first.deallocate()
        self.second.deallocate()
        self.whole?.deallocate()
    }
}
