import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire
import NIOCore
import NIOPosix

extension ClusterLoop {
    /// Makes the receiver of a stream that a peer opened from an address; `nil` when too many are open.
    func accepted(from source: IPAddress?) -> StreamConnection? {
        let limits = self.configuration.streams
        guard self.streams.inbound.count < limits.inbound else {
            self.counters.streamsFailed += 1
            return nil
        }
        self.streams.surplusStranger?.close()
        self.counters.streamsAccepted += 1
        return self.makeConnection(
            .accepted,
            to: nil,
            from: source,
            within: limits.handshakeTimeout
        )
    }

    /// Sends one message to a member's store over the stream kept for it, opened when needed.
    func stream(_ message: ClusterMessage, to node: NodeID) {
        if let connection = self.streams.stream(to: node) { return connection.send(message) }
        guard let address = self.membership.member(node)?.profile.address,
            let connection = self.connect(
                to: address,
                purpose: .peer(node),
                within: self.configuration.streams.handshakeTimeout
            )
        else { return }
        connection.send(message)
    }

    /// Opens a stream for one membership message and its answer.
    ///
    /// - Returns: whether there was room for one more stream.
    @discardableResult
    func exchange(
        _ message: MembershipMessage,
        with endpoint: Endpoint,
        purpose: StreamConnection.Purpose
    ) -> Bool {
        let patience =
            switch purpose {
            case .probe: self.configuration.membership.probeInterval
            case .trial, .exchange, .peer, .accepted: self.configuration.streams.handshakeTimeout
            }
        guard let connection = self.connect(to: endpoint, purpose: purpose, within: patience)
        else {
            if case .probe(_, let sequence) = purpose {
                self.after(.zero) { $0.probeFinished(sequence, succeeded: false) }
            }
            return false
        }
        connection.send(.membership(message))
        return true
    }

    /// Checks that the right peer answered, once the handshake proved who it is.
    func streamOpened(_ connection: StreamConnection, to peer: NodeID) -> Bool {
        if let endpoint = connection.endpoint { self.troubles.worked(.stream, endpoint) }
        switch connection.purpose {
        case .accepted:
            self.streams.adopt(connection, for: peer)
            if let surplus = self.streams.surplus(of: peer) {
                self.counters.streamsFailed += 1
                surplus.close()
            }
            return true
        case .peer(let expected), .probe(let expected, _), .trial(let expected, _):
            return peer == expected
        case .exchange: return true
        }
    }

    /// Takes in one frame's body.
    ///
    /// - Throws: ``WireError``; the stream is closed then.
    func received(
        body: [UInt8],
        from peer: NodeID,
        over connection: StreamConnection
    ) throws(WireError) {
        let messages = try ClusterMessage.decode(body, from: peer) { type, content in
            self.received(unknown: type, content, from: peer)
        }
        for message in messages {
            switch message {
            case .changelog(let message):
                guard !self.isWithoutStore else { continue }
                self.stepChangelog { $0.receive(message, from: peer, at: $1) }
            case .observations(let message):
                self.stepObservations { $0.receive(message, from: peer, at: $1) }
            case .counters(let message): self.received(message, from: peer)
            case .membership(let message):
                self.received(message, from: peer, over: connection)
            case .keyRing(let ring): self.received(ring, from: peer)
            case .question(let question): self.received(question, from: peer)
            case .answer(let answer): self.received(answer, from: peer)
            }
        }
    }

    /// Forgets a stream that has ended.
    func streamClosed(_ connection: StreamConnection) {
        self.streams.remove(connection)
        self.countOpenStreams()
        if connection.isStranger {
            self.counters.streamsFailed += 1
            if !connection.hasNoCommonVersion { self.noteFailure(of: connection) }
        }
        guard case .probe(_, let sequence) = connection.purpose else { return }
        self.after(.zero) { $0.probeFinished(sequence, succeeded: false) }
    }

    /// Closes what has been silent for too long.
    func closeOverdueStreams() {
        let now = LoopClock.now()
        for connection in self.streams.all where connection.deadline <= now {
            connection.timeOut()
        }
    }

    private func received(
        _ message: MembershipMessage,
        from peer: NodeID,
        over connection: StreamConnection
    ) {
        if case .trial(_, let sequence) = connection.purpose {
            _ = self.trialAnswered(sequence, by: peer, byStream: true)
            return connection.close()
        }
        if case .probe(let target, let expected) = connection.purpose {
            if case .ack(let sequence) = message.kind, sequence == expected {
                self.stepMembership { $0.receiveStream(message, from: peer, at: $1).effects }
                self.probeFinished(sequence, succeeded: true)
                self.observations.datagramsLost(to: target)
                self.noteSilentDatagrams(of: connection)
            }
            return connection.close()
        }
        var answer: MembershipMessage?
        self.stepMembership {
            let outcome = $0.receiveStream(message, from: peer, at: $1)
            answer = outcome.answer
            return outcome.effects
        }
        if let answer { connection.send(.membership(answer)) }
        if connection.purpose == .exchange { connection.close() }
    }

    /// A stream that never opened is news when it led to a seed or to a member believed to be there.
    private func noteFailure(of connection: StreamConnection) {
        guard let endpoint = connection.endpoint, self.isRunning else { return }
        let member = self.membership.members.first {
            $0.profile.address == endpoint && $0.state.isPresent
        }
        guard member != nil || self.seeds.contains(endpoint) else { return }
        self.failed(.stream, endpoint, connection.failure)
        if let member { self.tryAgain(member.id, at: endpoint) }
    }

    /// Tries the way by streams to a living member again, since few streams lead to each: soon until it
    /// is sure to be cut, and then for as long as it is, so that it is told meanwhile and no longer; without
    /// room for one more stream, the next time.
    private func tryAgain(_ id: NodeID, at endpoint: Endpoint) {
        guard self.streamRetries.insert(id).inserted else { return }
        let isKnown = self.troubles.current(at: LoopClock.now()).contains {
            $0.path == .stream && $0.endpoint == endpoint
        }
        self.after(isKnown ? .seconds(60) : .seconds(1)) { loop in
            loop.streamRetries.remove(id)
            guard let member = loop.membership.member(id), member.state == .alive,
                loop.troubles.isOpen(.stream, member.profile.address)
            else { return }
            loop.lastTrial &+= 1
            let ping = loop.membership.streamPing(sequence: loop.lastTrial, target: id)
            let address = member.profile.address
            let trial = StreamConnection.Purpose.trial(id, sequence: loop.lastTrial)
            // A stream that ends without an answer comes back here by itself.
            if !loop.exchange(ping, with: address, purpose: trial) {
                loop.tryAgain(id, at: address)
            }
        }
    }

    /// A probe comes by stream only after its datagram was not answered.
    private func noteSilentDatagrams(of connection: StreamConnection) {
        guard let endpoint = connection.endpoint else { return }
        self.failed(
            .datagrams,
            endpoint,
            "streams are answered, datagrams are not: let UDP through"
        )
    }

    /// The core ignores a second report of a probe, so closing may always report failure.
    private func probeFinished(_ sequence: UInt32, succeeded: Bool) {
        self.stepMembership {
            $0.streamProbeFinished(sequence: sequence, succeeded: succeeded, at: $1)
        }
    }

    private func connect(
        to endpoint: Endpoint,
        purpose: StreamConnection.Purpose,
        within patience: Duration
    ) -> StreamConnection? {
        let limits = self.configuration.streams
        guard self.isRunning, self.streams.outbound.count < limits.outbound,
            let address = try? endpoint.socketAddress
        else {
            self.counters.streamsFailed += 1
            return nil
        }
        self.counters.streamsOpened += 1
        let connection = self.makeConnection(purpose, to: endpoint, within: patience)
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(patience.timeAmount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: limits.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .connect(to: address)
            .whenFailure { bound.value.connectFailed($0) }
        return connection
    }

    private func makeConnection(
        _ purpose: StreamConnection.Purpose,
        to endpoint: Endpoint?,
        from source: IPAddress? = nil,
        within patience: Duration
    ) -> StreamConnection {
        let connection = StreamConnection(
            purpose: purpose,
            endpoint: endpoint,
            source: source,
            loop: self,
            limits: self.configuration.streams,
            deadline: LoopClock.now().advanced(by: patience)
        )
        self.streams.add(connection)
        self.scheduleSweep()
        self.countOpenStreams()
        return connection
    }

    private func countOpenStreams() {
        self.counters.inboundStreams = self.streams.inbound.count
        self.counters.outboundStreams = self.streams.outbound.count
    }
}

extension StreamLimits {
    /// A peer that reads nothing makes its stream unwritable here.
    var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: self.pendingByteCount / 2, high: self.pendingByteCount)
    }
}
