internal import CMeshSystem
internal import Glibc
internal import MeshHTTP
internal import MeshPlugins

/// Running a route's plugins; nothing here is reached by requests of routes without any.
///
/// What they remember stands in one block per exchange: ``PluginState`` at its start, then the
/// lines for the target's head.
extension Worker {
    private static let linesOffset = 1_024

    private func chain(_ exchange: UnsafeMutablePointer<Exchange>) -> PluginChain {
        exchange.pointee.view.pointee.snapshot
            ._withUnsafeGuaranteedRef { $0.chains[Int(exchange.pointee.route)] }
    }

    /// Runs the access phase; answers and returns `false` when a plugin answers itself.
    func filter(_ place: Int32, _ scope: borrowing RequestScope) -> Bool {
        let exchange = self.exchanges[place]
        let block = self.io.blocks.take()
        exchange.pointee.filters = block
        let lines = UnsafeMutableRawBufferPointer(
            start: block.content + Self.linesOffset,
            count: Block.room - Self.linesOffset
        )
        var state = PluginState()
        var writer = HeadWriter(lines)
        let answer = self.chain(exchange).access(
            self.pluginRequest(exchange, scope),
            state: &state,
            upstreamFields: &writer
        )
        block.content.bindMemory(to: PluginState.self, capacity: 1).initialize(to: state)
        block.pointee.end = writer.written?.count ?? 0
        guard let answer else { return true }
        self.answer(place, scope, status: answer.status, plugin: answer)
        return false
    }

    private func pluginRequest(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
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
        request.listenPort = self.port(of: exchange.pointee.client)
        request.connection =
            UInt64(link.pointee.generation) << 32
            | UInt64(UInt32(bitPattern: exchange.pointee.client))
        request.connectionRequests = UInt64(link.pointee.requests)
        request.process = UInt64(getpid())
        request.wallMilliseconds = UInt64(max(0, mesh_clock_wall_milliseconds()))
        return request
    }

    /// The lines that plugins add to the target's head.
    func filterLines(_ block: UnsafeMutablePointer<Block>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: block.content + Self.linesOffset, count: block.pointee.end)
    }

    /// Runs the response phase; the lines it adds to the client's head are valid until the next
    /// chunk is written.
    func filterLines(_ exchange: UnsafeMutablePointer<Exchange>) -> UnsafeRawBufferPointer {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard let block = exchange.pointee.filters else { return nothing }
        let state = block.content.bindMemory(to: PluginState.self, capacity: 1)
        var lines = HeadWriter(self.lines)
        self.chain(exchange).response(state.pointee, downstreamFields: &lines)
        return lines.written ?? nothing
    }
}
