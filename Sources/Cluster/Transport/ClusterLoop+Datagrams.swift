import MeshChangelog
import MeshDissemination
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire

extension ClusterLoop {
    /// Takes in one datagram; a bad one costs itself and is never answered.
    func received(datagram: [UInt8], from source: Endpoint) {
        self.counters.datagramsReceived += 1
        self.counters.datagramBytesReceived += UInt64(datagram.count)
        do throws(WireError) {
            let now = LoopClock.now()
            let (sender, body) = try self.open(datagram, from: source, at: now)
            self.lastHeard = now
            self.troubles.worked(.datagrams, source)
            let messages = try ClusterMessage.decode(body, from: sender) { type, content in
                self.received(unknown: type, content, from: sender)
            }
            for message in messages {
                switch message {
                case .membership(let message):
                    // An answered probe shows that datagrams go both ways.
                    if case .ack(let sequence) = message.kind {
                        if self.trialAnswered(sequence, by: sender, byStream: false) { continue }
                        self.observations.datagramReceived(from: sender)
                    }
                    self.stepMembership { $0.receive(message, from: source, at: $1) }
                case .changelog(let message):
                    guard !self.isWithoutStore else { continue }
                    self.stepChangelog {
                        $0.receive(message, from: sender, by: .datagram, at: $1)
                    }
                case .observations(let message):
                    self.stepObservations { $0.receive(message, from: sender, at: $1) }
                case .keyRing, .question, .answer:
                    throw .malformed
                case .counters(let message): self.received(message, from: sender)
                }
            }
        } catch {
            self.reject(error, from: source)
        }
    }

    /// Opens a datagram, within what its source may send.
    private func open(
        _ datagram: [UInt8],
        from source: Endpoint,
        at now: MonotonicInstant
    ) throws(WireError) -> (sender: NodeID, body: [UInt8]) {
        let isPresent = self.membership.isPresent(at: source)
        let opened: (sender: NodeID, body: [UInt8])
        do throws(WireError) {
            opened = try self.opener.open(datagram) {
                !isPresent && !self.sources.mayOpen(from: source.address, at: now)
            }
        } catch {
            if !isPresent {
                _ = self.sources.admits(datagram.count, ofStrangerAt: source.address, at: now)
            }
            throw error
        }
        let isTaken =
            self.membership.isPresent(opened.sender)
            ? self.sources.admits(datagram.count, of: opened.sender, at: now)
            : self.sources.admits(datagram.count, ofStrangerAt: source.address, at: now)
        guard isTaken else { throw .overLimit }
        return opened
    }

    /// Seals and sends one datagram; one that the system refuses costs itself.
    ///
    /// Before the socket is bound it is lost, as datagrams may be.
    func send(_ message: ClusterMessage, to endpoint: Endpoint) {
        guard let datagrams = self.datagrams else { return }
        let sealed: [UInt8]
        do throws(WireError) {
            let version = self.version(to: endpoint)
            sealed = try self.sealer.seal(
                self.body(message, version: version, within: DatagramSealer.bodyByteLimit),
                version: version
            )
        } catch {
            self.counters.datagramsOversized += 1
            return
        }
        if let refusal = datagrams.send(sealed, to: endpoint) {
            self.counters.sendRefusals[refusal, default: 0] += 1
            self.failed(.send, endpoint, refusal.description)
        } else {
            self.counters.datagramsSent += 1
            self.counters.datagramBytesSent += UInt64(sealed.count)
            self.troubles.worked(.send, endpoint)
        }
    }
}
