internal import MeshHTTP
internal import MeshPlugins

/// The suspended requests of one worker, by token.
///
/// A token is used once, so that a resumption that comes late finds nobody.
final class Suspensions: PluginResuming {
    private let mailbox: Mailbox<WorkerMessage>
    /// Touched by the worker only, as the number below.
    private nonisolated(unsafe) var places: [UInt64: Int32] = [:]
    private nonisolated(unsafe) var last: UInt64 = 0

    init(_ mailbox: Mailbox<WorkerMessage>) { self.mailbox = mailbox }

    /// A way to resume the request whose steps run now.
    func makeResumption() -> PluginResumption {
        self.last &+= 1
        return PluginResumption(place: self, token: self.last)
    }

    /// Suspends the exchange whose steps ran last; its token.
    func add(_ place: Int32) -> UInt64 {
        self.places[self.last] = place
        return self.last
    }

    /// Takes out who is meant; `nil` when nobody waits under that token any more.
    func remove(_ token: UInt64) -> Int32? { self.places.removeValue(forKey: token) }

    /// From any thread.
    func resume(_ token: UInt64, _ verdict: PluginResume) {
        // What a full mailbox loses is answered when the request's time is up.
        self.mailbox.post(.resume(token, verdict))
    }
}

/// Requests that wait for an answer from outside of their worker.
extension Worker {
    /// Lets a request wait; what came of its body is kept.
    func suspend(
        _ place: Int32,
        _ next: Int,
        milliseconds: Int64,
        status: UInt16?,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters else { return }
        exchange.pointee.held.append(body, from: &self.io.blocks)
        let limit = max(1, min(milliseconds, 86_400_000))
        block.filter.pointee.next = Int32(truncatingIfNeeded: next)
        block.filter.pointee.status = status ?? 0
        block.filter.pointee.deadline = self.milliseconds + limit
        block.filter.pointee.token = self.suspensions.add(place)
        self.setSuspensionTimer(place, block)
    }

    private func setSuspensionTimer(_ place: Int32, _ block: UnsafeMutablePointer<Block>) {
        let own = self.exchanges[place].pointee.deadline
        let deadline = block.filter.pointee.deadline
        self.timers.set(.exchange, place, own > 0 ? min(own, deadline) : deadline)
    }

    /// Whether the exchange waits for an answer from outside.
    func isSuspended(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        exchange.pointee.filters.map { $0.filter.pointee.deadline > 0 } ?? false
    }

    /// Ends a suspension; `nil` when there is none.
    private func endSuspension(_ place: Int32) -> UnsafeMutablePointer<Block>? {
        guard let block = self.exchanges[place].pointee.filters, block.filter.pointee.deadline > 0
        else { return nil }
        block.filter.pointee.deadline = 0
        _ = self.suspensions.remove(block.filter.pointee.token)
        self.timers.clear(.exchange, place)
        return block
    }

    /// Goes on with a request whose suspension is over: answers it, or has the step that suspended it
    /// say what becomes of it; `false` when it was another limit that passed.
    func suspensionTimedOut(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard let block = exchange.pointee.filters, block.filter.pointee.deadline > 0 else {
            return false
        }
        let own = exchange.pointee.deadline
        if own > 0, self.milliseconds >= own {
            _ = self.endSuspension(place)
            return false
        }
        guard self.milliseconds >= block.filter.pointee.deadline else {
            self.setSuspensionTimer(place, block)
            return true
        }
        _ = self.endSuspension(place)
        guard block.filter.pointee.status > 0 else {
            block.filter.pointee.plugins.isLate = true
            self.setClientTimer(place)
            let scope = self.reader.load(exchange.pointee.head)
            self.goOn(place, scope, from: Int(block.filter.pointee.next) - 1)
            return true
        }
        block.filter.pointee.answeredBy = block.filter.pointee.next - 1
        self.answer(place, status: block.filter.pointee.status)
        return true
    }

    /// Lets a suspended request go on; whoever is meant may have gone.
    func resume(_ token: UInt64, _ verdict: PluginResume) {
        guard let place = self.suspensions.remove(token), let block = self.endSuspension(place)
        else { return }
        self.setClientTimer(place)
        let scope = self.reader.load(self.exchanges[place].pointee.head)
        switch verdict {
        case .answer(let answer):
            block.filter.pointee.answeredBy = block.filter.pointee.next - 1
            self.answer(place, scope, status: answer.status, plugin: answer)
        case .proceed(let lines):
            var edits = block.edits
            lines.withUnsafeBytes { edits.lines.write($0) }
            if !lines.isEmpty, (1...64).contains(block.filter.pointee.next) {
                let step = UInt64(block.filter.pointee.next - 1)
                block.filter.pointee.plugins.changedBy |= 1 << step
            }
            guard self.take(edits, place, block, scope) else { return }
            self.goOn(place, scope, from: Int(block.filter.pointee.next))
        case .counted(let tally):
            block.filter.pointee.plugins.tally = tally
            self.goOn(place, scope, from: Int(block.filter.pointee.next) - 1)
        case .again(let note):
            block.filter.pointee.plugins.note = note
            self.goOn(place, scope, from: Int(block.filter.pointee.next) - 1)
        }
    }

    func goOn(_ place: Int32, _ scope: borrowing RequestScope, from step: Int) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard self.runAccess(place, scope, from: step, body: nothing) else { return }
        // From here on what was gathered is as any other body.
        self.exchanges[place].pointee.filters?.filter.pointee.gathered = .nothing
        guard self.takeHeld(place) else { return }
        self.advance(place, scope, body: nothing)
    }

    /// Moves what came of the body while nobody could take it to what the target is sent first.
    func takeHeld(_ place: Int32) -> Bool {
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.isExtendedConnect) else { return true }
        var held = exchange.pointee.held
        exchange.pointee.held = BlockQueue()
        defer { held.clear(to: &self.io.blocks) }
        var pieces = held.pieces
        while let piece = pieces.next() {
            let isLast = pieces.isAtEnd && exchange.pointee.flags.contains(.requestComplete)
            var plain = piece
            if exchange.pointee.filters != nil {
                guard let changed = self.filterBody(place, piece, isLast: isLast) else {
                    return false
                }
                plain = changed
            }
            // What came before it may be on disk, and goes first.
            if exchange.pointee.flags.contains(.hasSpill),
                self.spills.requests[self.place(of: exchange)] != nil
            {
                _ = self.spillRequest(place, plain)
                continue
            }
            exchange.pointee.replay.append(plain, from: &self.io.blocks)
        }
        return true
    }

    /// Gives back the block of an exchange that ends, suspended or not.
    func releaseFilters(_ block: UnsafeMutablePointer<Block>) {
        if block.filter.pointee.deadline > 0 {
            _ = self.suspensions.remove(block.filter.pointee.token)
        }
        block.filter.pointee.told.clear(to: &self.io.blocks)
        block.filter.pointee.collected.clear(to: &self.io.blocks)
        block.filter.pointee.plugins.endAnswer(self.settings.shared)
        self.io.blocks.giveBack(block)
    }
}
