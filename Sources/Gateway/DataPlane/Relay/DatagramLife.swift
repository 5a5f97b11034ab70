internal import CMeshSystem
internal import Glibc
internal import MeshBalancing
internal import MeshHTTP
internal import MeshPrimitives
internal import MeshRouting

/// Datagrams of stream routes: each client's go to a target of its own, whole, and its answers back.
///
/// A datagram that cannot be passed on is dropped and counted, as networks do. Only a refusal by the
/// target is evidence about it; the client's next datagram goes to another one then.
extension Worker {
    func openDatagramListeners() {
        guard let table = self.datagrams else { return }
        for (index, descriptor) in table.pointee.listeners.enumerated() {
            var address = mesh_address()
            _ = mesh_local_address(descriptor, &address)
            table.pointee.ports.append(address.port)
            let token = Self.token(listener: index) | Datagrams.token
            _ = mesh_epoll_add_level(self.poller.descriptor, descriptor, token)
        }
        self.counters.add(
            WorkerCounter.datagramListeners,
            UInt64(table.pointee.listeners.count)
        )
    }

    /// Datagrams came, of clients or of a target.
    func takeDatagrams(_ token: UInt64) {
        guard let table = self.datagrams else { return }
        guard let place = table.pointee.session(token) else {
            return self.readClients(table, Int(token & 0xFFFF))
        }
        if place >= 0 { self.readTarget(table, place) }
    }

    private func readClients(_ table: UnsafeMutablePointer<Datagrams>, _ listener: Int) {
        guard listener < table.pointee.listeners.count, table.pointee.stage != .left else {
            return
        }
        let descriptor = table.pointee.listeners[listener]
        for _ in 0..<Datagrams.batch {
            var client = mesh_address()
            var local = mesh_address()
            let count = mesh_datagram_receive(
                descriptor,
                self.input,
                Datagrams.limit,
                &client,
                &local
            )
            guard count >= 0 else { return }
            local.port = table.pointee.ports[listener]
            let key = Datagrams.Key(
                listener: Int32(truncatingIfNeeded: listener),
                client: client,
                local: local
            )
            let known = table.pointee.find(key)
            let place = known >= 0 ? known : self.beginSession(table, key)
            if place >= 0 { self.sendToTarget(table, place, count: count) }
        }
    }

    /// Finds the route of a client's first datagram; -1 when none takes it, which drops it.
    private func beginSession(
        _ table: UnsafeMutablePointer<Datagrams>,
        _ key: Datagrams.Key
    ) -> Int32 {
        guard let view = self.view, table.pointee.stage == .open else {
            return self.dropped(-1)
        }
        let query = StreamQuery(
            transport: .udp,
            source: SocketAddress.decode(key.client),
            destination: SocketAddress.decode(key.local)
        )
        let streams = view.pointee.snapshot._withUnsafeGuaranteedRef { $0.streams }
        guard let match = streams.match(query) else {
            self.counters.add(WorkerCounter.unmatched)
            return self.dropped(-1)
        }
        guard self.admits(key.client, view, match.routeIndex) else { return self.dropped(-1) }
        if table.pointee.sessions.count >= Datagrams.capacity {
            self.counters.add(WorkerCounter.evictedSessions)
            self.endSession(table, table.pointee.oldest)
        }
        let session = Datagrams.Session(
            requestID: self.makeRequestID(),
            key: key,
            view: view,
            route: Int32(truncatingIfNeeded: match.routeIndex),
            generation: table.pointee.nextGeneration(),
            begunAt: self.now,
            idleLimit: min(
                max(1, view.pointee.routes[match.routeIndex].readTimeout),
                self.timeouts.datagrams
            )
        )
        let place = table.pointee.insert(session)
        guard place >= 0 else { return self.dropped(-1) }
        view.pointee.holders += 1
        self.counters.add(WorkerCounter.requests)
        self.counters.add(WorkerCounter.activeRequests)
        self.counters.add(WorkerCounter.datagramSessions)
        return place
    }

    private func dropped(_ result: Int32) -> Int32 {
        self.counters.add(WorkerCounter.droppedDatagrams)
        return result
    }

    /// Sends what stands in the input to the session's target, or to the next that does not refuse.
    private func sendToTarget(
        _ table: UnsafeMutablePointer<Datagrams>,
        _ place: Int32,
        count: Int
    ) {
        let session = table.pointee.sessions[place]
        session.pointee.received &+= UInt64(count)
        self.touchSession(table, place)
        while session.pointee.descriptor >= 0 || self.chooseTarget(table, place) {
            let sent = mesh_send(session.pointee.descriptor, self.input, count)
            if sent >= 0 { return }
            // A refusal of the datagram before is told now, and this one was not sent.
            guard self.targetRefused(session, Int32(truncatingIfNeeded: -sent)) else { break }
        }
        self.counters.add(WorkerCounter.droppedDatagrams)
    }

    private func touchSession(_ table: UnsafeMutablePointer<Datagrams>, _ place: Int32) {
        let limit = table.pointee.sessions[place].pointee.idleLimit
        let patience = table.pointee.stage == .open ? limit : min(limit, Self.drainPatience)
        table.pointee.touch(place, deadline: self.milliseconds + patience)
    }

    /// Gives a session a target and a socket to it; `false` when there is none at present.
    private func chooseTarget(_ table: UnsafeMutablePointer<Datagrams>, _ place: Int32) -> Bool {
        let session = table.pointee.sessions[place]
        let view = session.pointee.view
        let upstream = UpstreamIndex(
            rawValue: view.pointee.routes[Int(session.pointee.route)].upstream
        )
        while upstream.isSome, !session.pointee.tried.isFull {
            let choice = view.pointee.pick(
                upstream,
                hash: self.streamHash(view, upstream, session.pointee.key.client),
                tried: session.pointee.tried
            )
            guard choice.isSome else { break }
            let state = view.pointee.state(upstream, choice)
            state.pointee.begin()
            state.pointee.row.counts.add(TargetCounter.attempts)
            if session.pointee.tries > 0 { self.counters.add(WorkerCounter.retries) }
            session.pointee.tries &+= 1
            session.pointee.target = choice.rawValue
            session.pointee.attemptAt = self.now
            session.pointee.isAnswered = false
            let route = RouteIndex(rawValue: session.pointee.route)
            let descriptor = Self.connect(view.pointee.plan(route, choice))
            session.pointee.descriptor = descriptor
            if descriptor >= 0 { return self.watchTarget(table, place) }
            guard self.targetRefused(session, -descriptor) else {
                self.leaveTarget(session)
                session.pointee.failure = ProxyFailure(cause: .exhausted)
                return false
            }
        }
        // The next datagram may try all of them again.
        session.pointee.tried = TriedTargets()
        session.pointee.failure = ProxyFailure(cause: .noTarget)
        return false
    }

    private static func connect(_ target: UnsafePointer<TargetPlan>) -> Int32 {
        var address = target.pointee.address
        return mesh_datagram_connect(&address)
    }

    private func watchTarget(_ table: UnsafeMutablePointer<Datagrams>, _ place: Int32) -> Bool {
        let session = table.pointee.sessions[place]
        let token = Self.token(listener: 0) | Datagrams.token | table.pointee.token(place)
        guard
            mesh_epoll_add_level(self.poller.descriptor, session.pointee.descriptor, token) == 0
        else {
            self.leaveTarget(session)
            session.pointee.failure = ProxyFailure(cause: .exhausted)
            return false
        }
        session.pointee.failure = .none
        self.counters.add(WorkerCounter.upstreamConnections)
        return true
    }

    /// Takes an error of a target's socket; `false` when it is not the target's doing.
    private func targetRefused(
        _ session: UnsafeMutablePointer<Datagrams.Session>,
        _ error: Int32
    ) -> Bool {
        guard error != EMSGSIZE, error != EINVAL else { return false }
        let failure = ProxyFailure(cause: ProxyFailure.Cause(connectError: error))
        guard failure.isEvidence, let state = self.targetState(session) else { return false }
        self.observeFailure(state, failure)
        session.pointee.tried.insert(Int(session.pointee.target))
        session.pointee.failure = failure
        self.leaveTarget(session)
        return true
    }

    private func targetState(
        _ session: UnsafeMutablePointer<Datagrams.Session>
    ) -> UnsafeMutablePointer<TargetState>? {
        guard session.pointee.target >= 0 else { return nil }
        let view = session.pointee.view
        let route = view.pointee.routes + Int(session.pointee.route)
        return view.pointee.state(
            UpstreamIndex(rawValue: route.pointee.upstream),
            TargetIndex(rawValue: session.pointee.target)
        )
    }

    /// Closes the socket to the target, which the log still names.
    private func leaveTarget(_ session: UnsafeMutablePointer<Datagrams.Session>) {
        if session.pointee.descriptor >= 0 { Glibc.close(session.pointee.descriptor) }
        session.pointee.descriptor = -1
        self.targetState(session)?.pointee.end()
    }

    private func readTarget(_ table: UnsafeMutablePointer<Datagrams>, _ place: Int32) {
        let session = table.pointee.sessions[place]
        var client = session.pointee.key.client
        var local = session.pointee.key.local
        for _ in 0..<Datagrams.batch {
            let count = mesh_receive(session.pointee.descriptor, self.input, Datagrams.limit)
            guard count >= 0 else {
                if count != -Int(EAGAIN) {
                    _ = self.targetRefused(session, Int32(truncatingIfNeeded: -count))
                }
                return
            }
            self.touchSession(table, place)
            if !session.pointee.isAnswered { self.targetAnswered(session) }
            let sent = mesh_datagram_answer(
                table.pointee.listeners[Int(session.pointee.key.listener)],
                self.input,
                count,
                &client,
                &local
            )
            if sent >= 0 {
                session.pointee.returned &+= UInt64(count)
            } else {
                self.counters.add(WorkerCounter.droppedDatagrams)
            }
        }
    }

    private func targetAnswered(_ session: UnsafeMutablePointer<Datagrams.Session>) {
        session.pointee.isAnswered = true
        session.pointee.tried = TriedTargets()
        let waited = max(0, self.now - session.pointee.attemptAt)
        if session.pointee.waited < 0 { session.pointee.waited = waited }
        guard let state = self.targetState(session) else { return }
        self.observeAnswer(state, status: 200, waited: waited)
    }

    /// Ends sessions that were silent for too long.
    func expireDatagrams() {
        guard let table = self.datagrams else { return }
        while case let place = table.pointee.expired(now: self.milliseconds), place >= 0 {
            self.endSession(table, place)
        }
    }

    /// Takes no new clients; sessions go on until they are silent for a moment.
    ///
    /// - Parameter isLeft: whether another process reads what clients send from now on: only what
    ///   targets answer is passed on then.
    func drainDatagrams(isLeft: Bool) {
        guard let table = self.datagrams, table.pointee.stage == .open else { return }
        table.pointee.stage = isLeft ? .left : .refusing
        if isLeft {
            for descriptor in table.pointee.listeners {
                _ = mesh_epoll_remove(self.poller.descriptor, descriptor)
            }
        }
        self.counters.add(
            WorkerCounter.datagramListeners,
            0 &- UInt64(table.pointee.listeners.count)
        )
        var place = table.pointee.oldest
        while place >= 0 {
            let limit = table.pointee.sessions[place].pointee.idleLimit
            let patience = min(limit, Self.drainPatience)
            table.pointee.setDeadline(place, self.milliseconds + patience)
            place = table.pointee.sessions[place].pointee.newer
        }
        self.closeDrained(table)
    }

    /// Closes the listeners once no session answers through them.
    private func closeDrained(_ table: UnsafeMutablePointer<Datagrams>) {
        guard table.pointee.stage != .open, table.pointee.oldest < 0 else { return }
        for descriptor in table.pointee.listeners {
            _ = mesh_epoll_remove(self.poller.descriptor, descriptor)
            Glibc.close(descriptor)
        }
        table.pointee.listeners = []
    }

    private func endSession(_ table: UnsafeMutablePointer<Datagrams>, _ place: Int32) {
        let session = table.pointee.sessions[place]
        if session.pointee.descriptor >= 0 { self.leaveTarget(session) }
        self.account(session)
        self.counters.subtract(WorkerCounter.activeRequests)
        self.counters.subtract(WorkerCounter.datagramSessions)
        self.release(session.pointee.view)
        table.pointee.remove(place)
        self.closeDrained(table)
    }

    /// Ends everything when the loop has ended.
    func endDatagrams() {
        guard let table = self.datagrams else { return }
        while case let place = table.pointee.oldest, place >= 0 { self.endSession(table, place) }
        for descriptor in table.pointee.listeners { Glibc.close(descriptor) }
        table.pointee.deallocate()
        table.deinitialize(count: 1)
        table.deallocate()
    }

    /// Counts a session that is over and writes its access log line.
    private func account(_ session: UnsafeMutablePointer<Datagrams.Session>) {
        let isServed = session.pointee.failure == .none || session.pointee.waited >= 0
        // A target that took datagrams in silence, as a log collector does, was waited for no time.
        let waited = isServed ? max(0, session.pointee.waited) : nil
        let status = isServed ? 200 : session.pointee.failure.status
        let route = RouteIndex(rawValue: session.pointee.route)
        session.pointee.view.pointee.row(route).account(
            RequestRecord(
                status: status,
                requestNanoseconds: self.now - session.pointee.begunAt,
                gatewayNanoseconds: 0,
                upstreamNanoseconds: waited,
                received: session.pointee.received,
                returned: session.pointee.returned
            )
        )
        self.tellSession(session, status: status)
        guard let ring = self.settings.log else { return }
        var entry = AccessLogEntry()
        entry.milliseconds = self.wall.milliseconds
        entry.requestID = UnsafeRawBufferPointer(start: UnsafeRawPointer(session), count: 32)
        entry.client = self.peerText(session.pointee.key.client)
        entry.status = status
        let plan = session.pointee.view.pointee.routes + Int(session.pointee.route)
        entry.routeMembers = plan.pointee.logMembers.bytes
        if session.pointee.target >= 0 {
            let target = TargetIndex(rawValue: session.pointee.target)
            entry.upstreamMember =
                session.pointee.view.pointee.plan(route, target).pointee.logMember.bytes
        }
        entry.tries = session.pointee.tries
        entry.requestByteCount = session.pointee.received
        entry.responseByteCount = session.pointee.returned
        entry.requestMicroseconds = UInt64(max(0, self.now - session.pointee.begunAt) / 1_000)
        entry.upstreamMicroseconds = waited.map { UInt64($0 / 1_000) }
        let failure = session.pointee.failure
        if failure != .none {
            entry.failure = AccessLogEntry.Failure(
                owner: failure.ownerName,
                cause: failure.causeName
            )
            if isServed { entry.cut = failure.ownerName }
        }
        self.write(entry, to: ring)
    }
}
