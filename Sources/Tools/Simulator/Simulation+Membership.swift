import MeshActivation
import MeshChangelog
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Carries out what the membership cores decide.
extension Simulation {
    /// Gives one input to a node's membership and carries out the effects.
    mutating func step(_ index: Int, _ input: (inout Membership) -> [Membership.Effect]) {
        if let root = self.nodes[index].changelog?.root {
            self.nodes[index].membership?.localDigest = root
        }
        guard let effects = self.nodes[index].membership?.take(input) else { return }
        self.inputCount += 1
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Hands a packet to its receiver.
    mutating func deliver(_ packet: Packet, from sender: Int, to receiver: Int) {
        guard let packet = self.carried(packet, from: sender) else { return }
        let now = self.time(at: receiver)
        let source = SimulatedNode.endpoint(of: sender)
        let peer = self.nodes[sender].id
        switch packet {
        case .datagram(let message):
            let heard = self.heard(message, by: receiver)
            if case .ack = message.kind {
                // An answered probe shows that datagrams go both ways.
                self.nodes[receiver].observations?.datagramReceived(from: peer)
            }
            self.step(receiver) { $0.receive(heard, from: source, at: now) }
        case .stream(let message):
            self.answer(message, from: sender, to: receiver) { .answer($0) }
        case .probe(let message, let sequence):
            self.answer(message, from: sender, to: receiver) { _ in .probed(sequence: sequence) }
        case .answer(let message):
            let heard = self.heard(message, by: receiver)
            self.step(receiver) { $0.receiveStream(heard, from: peer, at: now).effects }
        case .probed(let sequence):
            self.step(receiver) {
                $0.streamProbeFinished(sequence: sequence, succeeded: true, at: now)
            }
            self.nodes[receiver].observations?.datagramsLost(to: peer)
        case .observations(let message):
            self.stepObservations(receiver) { table, now in
                table.receive(message, from: peer, at: now)
            }
        case .changelog(let message, let path):
            self.stepChangelog(receiver) { changelog, now in
                changelog.receive(message, from: peer, by: path, at: now)
            }
        }
    }

    private mutating func answer(
        _ message: MembershipMessage,
        from sender: Int,
        to receiver: Int,
        as packet: (MembershipMessage) -> Packet
    ) {
        let now = self.time(at: receiver)
        let heard = self.heard(message, by: receiver)
        let peer = self.nodes[sender].id
        var answer: MembershipMessage?
        self.step(receiver) { membership in
            let result = membership.receiveStream(heard, from: peer, at: now)
            answer = result.answer
            return result.effects
        }
        if let answer { self.stream(packet(answer), from: receiver, to: sender) }
    }

    private func heard(_ message: MembershipMessage, by receiver: Int) -> MembershipMessage {
        guard self.bug == .deafToAccusations else { return message }
        var message = message
        message.updates.removeAll { $0.subject == self.nodes[receiver].id }
        return message
    }

    private var isWithoutSync: Bool {
        self.bug == .noFullSync && self.now >= Self.instant(5)
    }

    private mutating func perform(_ effect: Membership.Effect, at index: Int) {
        switch effect {
        case .send(let message, let endpoint):
            guard !self.isWithoutSync || !message.kind.isIntroduction else { return }
            self.checkSize(of: message, from: index)
            self.datagram(.datagram(message), from: index, to: endpoint)
        case .stream(let message, let endpoint):
            guard !self.isWithoutSync else { return }
            guard let receiver = self.nodeIndex(of: endpoint) else { return }
            self.stream(.stream(message), from: index, to: receiver)
        case .probeByStream(let id, let endpoint, let sequence):
            self.probe(id, endpoint, sequence, from: index)
        case .wake(let instant):
            self.nodes[index].membershipWake += 1
            let number = self.nodes[index].membershipWake
            self.queue.push(
                .wakeMembership(index, number: number),
                at: self.moment(instant, at: index)
            )
        case .event(let event):
            self.observe(event, at: index)
        case .peerDigest(let peer, let digest):
            let isEcho = self.bug == .echoedRoots
            self.stepChangelog(index) { changelog, now in
                changelog.peerRoot(peer, isEcho ? changelog.root : digest, at: now)
            }
        case .proved, .measured: break
        case .persistBoot(let boot):
            self.nodes[index].disk.bootFloor = max(self.nodes[index].disk.bootFloor, boot)
            self.observeAnew(index, boot: boot)
        case .persistMesh(let mesh): self.nodes[index].disk.mesh = mesh
        }
    }

    private mutating func probe(
        _ id: NodeID,
        _ endpoint: Endpoint,
        _ sequence: UInt32,
        from index: Int
    ) {
        guard let receiver = self.nodeIndex(of: endpoint),
            let membership = self.nodes[index].membership
        else { return }
        if self.bug == .blindProbes {
            let at = self.now.advanced(by: .milliseconds(1))
            self.queue.push(
                .deliver(.probed(sequence: sequence), from: receiver, to: index),
                at: at
            )
            return
        }
        let message = membership.streamPing(sequence: sequence, target: id)
        self.stream(.probe(message, sequence: sequence), from: index, to: receiver)
    }

    /// Sends a packet that may be lost.
    mutating func datagram(_ packet: Packet, from sender: Int, to endpoint: Endpoint) {
        guard let receiver = self.nodeIndex(of: endpoint) else { return }
        self.datagramCount += 1
        for delay in self.network.datagram(from: sender, to: receiver) {
            self.queue.push(
                .deliver(packet, from: sender, to: receiver),
                at: self.now.advanced(by: delay)
            )
        }
    }

    /// Sends a packet that arrives if there is any way.
    mutating func stream(_ packet: Packet, from sender: Int, to receiver: Int) {
        guard let delay = self.network.stream(from: sender, to: receiver) else { return }
        self.queue.push(
            .deliver(packet, from: sender, to: receiver),
            at: self.now.advanced(by: delay)
        )
    }

    private func nodeIndex(of endpoint: Endpoint) -> Int? {
        SimulatedNode.index(of: endpoint).flatMap { self.nodes.indices.contains($0) ? $0 : nil }
    }

    private mutating func checkSize(of message: MembershipMessage, from index: Int) {
        let limit = MembershipConfiguration().datagramByteLimit
        guard message.wireByteCount > limit else { return }
        self.report(
            Violation(
                promise: .datagramSize,
                at: self.now,
                text: "node \(index) sent \(message.wireByteCount) bytes; the limit is \(limit)"
            )
        )
    }

    private mutating func observe(_ event: MembershipEvent, at index: Int) {
        self.note("node \(index): \(Self.text(event))")
        switch event {
        case .joined(let member), .changed(let member, _):
            if member.state == .alive {
                self.stepMachine(index) { machine, now in machine.joined(at: now) }
            }
            self.report(self.incarnations.check(observer: index, member, at: self.now))
            let subject = self.nodes.firstIndex { $0.id == member.id }
            if let subject, member.state == .failed { self.judgeFailure(of: subject, by: index) }
        case .removed(let id, _):
            self.incarnations.reset(observer: index, subject: id)
        case .leaveFinished:
            self.nodes[index].halt()
            return
        case .foreignMesh(let mesh, let profile):
            // All nodes of a simulation were started as one mesh.
            let text = "node \(index) keeps apart from \(profile.name) of mesh \(mesh)"
            self.report(Violation(promise: .oneMesh, at: self.now, text: text))
            return
        case .refuted, .nameConflict, .isolated, .connected, .outlived, .twin, .meshFounded,
            .withdrew, .resumed:
            return
        }
        self.setPeers(of: index)
        self.setObservers(of: index)
    }

    private mutating func judgeFailure(of subject: Int, by observer: Int) {
        guard self.nodes[subject].isRunning, !self.nodes[subject].isLeaving else {
            self.measureDetection(of: subject, by: observer)
            return
        }
        guard self.network.isWhole else { return }
        self.report(
            self.accuracy.check(observer: observer, subject: subject, at: self.now)
        )
    }

    private mutating func measureDetection(of subject: Int, by observer: Int) {
        guard let crashed = self.crashes[subject],
            self.disturbed[observer].map({ $0 < crashed }) ?? true
        else { return }
        let delay = crashed.duration(to: self.now)
        self.slowestDetection = max(self.slowestDetection ?? .zero, delay)
    }

    private static func text(_ event: MembershipEvent) -> String {
        switch event {
        case .joined(let member):
            "joined \(member.profile.name) \(member.state)/\(member.incarnation)"
        case .changed(let member, let before):
            "\(member.profile.name) \(before) -> \(member.state)/\(member.incarnation)"
        case .removed(_, let name): "removed \(name)"
        case .refuted(let incarnation): "refuted, incarnation \(incarnation)"
        case .nameConflict(let holder, let refused):
            "\(refused.id) may not be called \(holder.name): \(holder.id) is"
        case .meshFounded(let mesh): "belongs to mesh \(mesh)"
        case .foreignMesh(let mesh, let profile): "\(profile.name) is of mesh \(mesh)"
        case .outlived(let other, let boot): "outlived by boot \(boot) at \(other)"
        case .twin(let other, let hasYielded): "twin at \(other)\(hasYielded ? ", yields" : "")"
        case .isolated: "isolated"
        case .withdrew: "has withdrawn"
        case .resumed: "comes back"
        case .connected: "connected"
        case .leaveFinished: "left"
        }
    }
}

extension MembershipMessage.Kind {
    /// Whether it tells one's own word or asks for another's.
    fileprivate var isIntroduction: Bool {
        switch self {
        case .sync, .syncAnswer: true
        case .ping, .ack, .nack, .pingRequest, .gossip, .compare, .comparison, .difference,
            .refusal:
            false
        }
    }
}

extension Membership {
    /// Gives one input where the membership stands: a copy would cost more than most inputs.
    mutating func take(_ input: (inout Membership) -> [Effect]) -> [Effect] { input(&self) }
}
