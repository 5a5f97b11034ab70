internal import MeshHTTP
internal import MeshPlugins

/// Bodies that steps want whole: they are taken in up to a limit, changed, and sent on with their new
/// length.
extension Worker {
    /// Most bytes of a body that is taken in whole.
    private static let collectLimit = 8 * 1_024 * 1_024

    /// Goes on with a request that all steps let pass; takes its body in first if one wants it whole.
    func advance(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters, block.filter.pointee.collectsRequest else {
            return self.proceed(place, scope, body: body)
        }
        let isRequired = block.filter.pointee.requiresRequest
        guard exchange.pointee.flags.isDisjoint(with: [.asksUpgrade, .isExtendedConnect]) else {
            guard isRequired else { return self.proceed(place, scope, body: body) }
            return self.refuseBody(place, status: 400)
        }
        guard isRequired || !exchange.pointee.flags.contains(.isGRPC) else {
            return self.proceed(place, scope, body: body)
        }
        guard self.collect(place, body) else { return }
        if exchange.pointee.flags.contains(.requestComplete) {
            guard self.changeWhole(place, scope) else { return }
            return self.proceed(
                place,
                scope,
                body: UnsafeRawBufferPointer(start: nil, count: 0)
            )
        }
        exchange.pointee.flags.insert(.isBuffering)
        if exchange.pointee.flags.contains(.awaitsContinue) { _ = self.sendContinue(place) }
        self.creditClient(exchange)
        self.setClientTimer(place)
        self.lookAgain(place)
    }

    /// More of a body that is being taken in.
    func collectMore(_ place: Int32, _ plain: UnsafeRawBufferPointer) {
        let exchange = self.exchanges[place]
        guard self.collect(place, plain) else { return }
        guard exchange.pointee.flags.contains(.requestComplete) else {
            return self.creditClient(exchange)
        }
        exchange.pointee.flags.remove(.isBuffering)
        let scope = self.reader.load(exchange.pointee.head)
        guard self.changeWhole(place, scope) else { return }
        self.proceed(place, scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Keeps a part of a body; answers and returns `false` when it is too long.
    private func collect(_ place: Int32, _ plain: UnsafeRawBufferPointer) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.replay.count + plain.count <= Self.collectLimit else {
            self.refuseBody(place, status: 413)
            return false
        }
        exchange.pointee.replay.append(plain, from: &self.io.blocks)
        return true
    }

    /// Lets steps look at a whole body and change it; answers and returns `false` when one refuses.
    private func changeWhole(_ place: Int32, _ scope: borrowing RequestScope) -> Bool {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters else { return true }
        if block.filter.pointee.requiresRequest {
            let refusal = self.chain(exchange).check(
                self.pluginRequest(exchange, scope, self.chain(exchange)),
                exchange.pointee.replay.bytes,
                by: block.filter.pointee.plugins
            )
            if let (answer, step) = refusal {
                block.filter.pointee.answeredBy = Int32(truncatingIfNeeded: step)
                self.answer(place, scope, status: answer.status, plugin: answer)
                return false
            }
        }
        var edits = block.edits
        edits.received = ReceivedFields(
            scope.fields,
            count: scope.head.fieldCount,
            of: scope.bytes
        )
        let body = self.chain(exchange).whole(
            .request,
            exchange.pointee.replay.bytes,
            self.pluginRequest(exchange, scope, self.chain(exchange)),
            edits,
            by: &block.filter.pointee.plugins
        )
        exchange.pointee.replay.clear(to: &self.io.blocks)
        body.withUnsafeBytes { exchange.pointee.replay.append($0, from: &self.io.blocks) }
        block.filter.pointee.bodyCount = Int64(body.count)
        block.filter.pointee.collectsRequest = false
        return true
    }

    /// Keeps a part of a response; the last part becomes the whole one, changed.
    ///
    /// Cuts the response and returns `nil` when it is too long.
    func collectResponse(
        _ index: Int32,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) -> UnsafeRawBufferPointer? {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard let block = exchange.pointee.filters,
            block.filter.pointee.collected.count + plain.count <= Self.collectLimit
        else {
            self.cut(index, .exhausted)
            return nil
        }
        block.filter.pointee.collected.append(plain, from: &self.io.blocks)
        guard isLast else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let scope = self.reader.load(exchange.pointee.head)
        let nothing = PluginEdits.nothing
        let whole = self.chain(exchange).whole(
            .response,
            block.filter.pointee.collected.bytes,
            self.pluginRequest(exchange, scope, self.chain(exchange)),
            PluginEdits(names: nothing, lines: nothing),
            by: &block.filter.pointee.plugins
        )
        block.filter.pointee.collected.clear(to: &self.io.blocks)
        if block.filter.pointee.keptLimit > 0 { self.show(exchange, block, whole) }
        let rooms = self.filterRooms ?? FilterRooms()
        self.filterRooms = rooms
        return rooms.keep(whole)
    }

    /// Keeps a copy of a part of a response that goes on to the client; with the last one, steps look at
    /// all of it.
    func keepResponse(
        _ index: Int32,
        _ block: UnsafeMutablePointer<Block>,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool
    ) {
        let limit = block.filter.pointee.keptLimit
        guard block.filter.pointee.collected.count + plain.count <= limit else {
            block.filter.pointee.collected.clear(to: &self.io.blocks)
            block.filter.pointee.keptLimit = 0
            return block.filter.pointee.plugins.endAnswer(self.settings.shared)
        }
        block.filter.pointee.collected.append(plain, from: &self.io.blocks)
        guard isLast else { return }
        let body = block.filter.pointee.collected.bytes
        block.filter.pointee.collected.clear(to: &self.io.blocks)
        self.show(self.exchanges[self.attempts[index].pointee.exchange], block, body)
    }

    /// Shows steps the whole body that the client gets.
    private func show(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ block: UnsafeMutablePointer<Block>,
        _ body: [UInt8]
    ) {
        let scope = self.reader.load(exchange.pointee.head)
        self.chain(exchange).show(
            PluginSeenBody(
                bytes: body,
                isChanged: block.filter.pointee.changesResponse
                    || block.filter.pointee.collectsResponse
            ),
            self.pluginRequest(exchange, scope, self.chain(exchange)),
            block.filter.pointee.plugins
        )
    }
}
