internal import MeshBalancing
internal import MeshHTTP

/// Requests that wait until a target of their upstream has room; see ``WaitingLine``.
///
/// Whoever comes while others wait joins them. Places that became free are given away once per pass
/// of the loop, when the events at hand have been dealt with.
extension Worker {
    /// Whether others wait already, so that the request at hand waits with them.
    @inline(never)
    func mustWait(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) -> Bool {
        let exchange = self.exchanges[place]
        guard exchange.pointee.attempts == 0, !exchange.pointee.flags.contains(.isWaiting),
            let room = self.room(exchange), !room.line.isEmpty
        else { return false }
        self.wait(place, room, scope, body: body)
        return true
    }

    /// No target can be chosen: the request waits for one, or is answered.
    @inline(never)
    func missTarget(
        _ place: Int32,
        _ scope: borrowing RequestScope,
        _ choice: TargetIndex,
        body: UnsafeRawBufferPointer
    ) {
        // A second try waits for few targets only: it would hold up all that wait behind it.
        guard Int(choice.rawValue) == Balancer.full, self.exchanges[place].pointee.attempts == 0,
            let room = self.room(self.exchanges[place])
        else { return self.answerNoTarget(place, scope, choice) }
        self.wait(place, room, scope, body: body)
    }

    /// Lets a request wait, or sheds it; what came of its body is kept.
    private func wait(
        _ place: Int32,
        _ room: WaitingRoom,
        _ scope: borrowing RequestScope,
        body: UnsafeRawBufferPointer
    ) {
        let exchange = self.exchanges[place]
        guard !exchange.pointee.flags.contains(.isWaiting) else {
            room.isStuck = true
            return
        }
        let urgency = self.urgency(exchange, scope)
        let entry = room.line.enter(
            place,
            urgency: urgency,
            deadline: exchange.pointee.deadline,
            at: self.milliseconds
        )
        if case .refused(let refusal) = entry {
            room.row.add(WaitingRows.Place.shed(refusal, urgency))
            return self.answerFull(place, scope)
        }
        if !body.isEmpty { exchange.pointee.replay.append(body, from: &self.io.blocks) }
        exchange.pointee.flags.insert(.isWaiting)
        exchange.pointee.waitingSince = self.now
        room.row.add(WaitingRows.Place.waiting)
        room.row.add(WaitingRows.Place.entered)
        if !room.isListed {
            room.isListed = true
            self.waitingRooms.append(room)
        }
        self.setClientTimer(place)
        if case .displaces(let other) = entry { self.shedWaiting(other, room, .full) }
    }

    /// The request at hand has a target, or has ended: it waits no more.
    @inline(never)
    func endWaiting(_ place: Int32) {
        let exchange = self.exchanges[place]
        exchange.pointee.flags.remove(.isWaiting)
        guard let room = self.room(exchange) else { return }
        self.leave(room, place)
    }

    private func leave(_ room: WaitingRoom, _ place: Int32) {
        room.line.leave(place)
        room.row.subtract(WaitingRows.Place.waiting)
        let waited = max(0, self.now - self.exchanges[place].pointee.waitingSince) / 1_000
        room.row.add(WaitingRows.Place.microseconds, UInt64(waited))
    }

    /// Gives free places to those who wait, and sheds those who have waited long enough.
    func serveWaiting() {
        // Whoever is served may make another request wait, at an upstream that was not listed yet.
        let rooms = self.waitingRooms
        for room in rooms { self.serve(room) }
        self.waitingRooms.removeAll { room in
            guard room.line.isEmpty else { return false }
            room.isListed = false
            return true
        }
    }

    private func serve(_ room: WaitingRoom) {
        while let (place, refusal) = room.line.expired(at: self.milliseconds) {
            self.shedWaiting(place, room, refusal)
            self.takePending()
        }
        room.isStuck = false
        while !room.isStuck, case let place = room.line.next(at: self.milliseconds), place >= 0 {
            let scope = self.reader.load(self.exchanges[place].pointee.head)
            guard self.takeHeld(place) else { continue }
            self.dispatch(place, scope, body: UnsafeRawBufferPointer(start: nil, count: 0))
            self.takePending()
        }
    }

    /// How long epoll may wait for those who wait here.
    func waitingPatience(_ limit: Int64) -> Int64 {
        self.waitingRooms.reduce(limit) {
            min($0, max(1, $1.line.nextExpiry - self.milliseconds))
        }
    }

    /// A request has left a target: tells those who wait how fast that goes.
    @inline(never)
    func noteEnd(_ exchange: UnsafeMutablePointer<Exchange>, begunAt: Int64) {
        guard let room = self.room(exchange), !room.line.isEmpty else { return }
        room.line.countEnd(after: (self.now - begunAt) / 1_000_000, at: self.milliseconds)
    }

    private func shedWaiting(_ place: Int32, _ room: WaitingRoom, _ refusal: WaitingLine.Refusal) {
        let exchange = self.exchanges[place]
        let scope = self.reader.load(exchange.pointee.head)
        room.row.add(WaitingRows.Place.shed(refusal, self.urgency(exchange, scope)))
        self.leave(room, place)
        exchange.pointee.flags.remove(.isWaiting)
        self.answerFull(place, scope)
    }

    /// Answers a request for which no target has room: with what went wrong before, if anything did.
    private func answerFull(_ place: Int32, _ scope: borrowing RequestScope) {
        self.answerNoTarget(place, scope, TargetIndex(Balancer.full))
    }

    private func room(_ exchange: UnsafeMutablePointer<Exchange>) -> WaitingRoom? {
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef { $0.room }
    }

    /// How urgent a request is: what its header says where its route looks at one, else what the route
    /// says.
    private func urgency(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> Int {
        guard let route = self.routePlan(exchange) else { return 3 }
        let name = route.pointee.urgencyHeader.bytes
        if !name.isEmpty {
            for index in 0..<scope.head.fieldCount where scope.isField(index, named: name) {
                let value = scope.fields[index].value.bytes(of: scope.bytes)
                if let urgency = Self.urgency(value) { return urgency }
            }
        }
        return Int(route.pointee.urgency)
    }

    /// The urgency that a header's value says: a digit from 0 to 7, or RFC 9218's member `u`.
    static func urgency(_ value: UnsafeRawBufferPointer) -> Int? {
        let digit = { (byte: UInt8) -> Int? in (48...55).contains(byte) ? Int(byte) - 48 : nil }
        for member in value.split(separator: UInt8(ascii: ",")) {
            let text = member.prefix { $0 != UInt8(ascii: ";") }
                .filter { $0 != 0x20 && $0 != 0x09 }
            if value.count == 1, let byte = text.first { return digit(byte) }
            guard text.count == 3, text[0] == UInt8(ascii: "u"), text[1] == UInt8(ascii: "=")
            else { continue }
            return digit(text[2])
        }
        return nil
    }
}
