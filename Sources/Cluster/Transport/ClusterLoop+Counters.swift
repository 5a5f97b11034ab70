import MeshCounters
import MeshMembership
public import MeshPrimitives
import MeshWire

/// Where this node's workers count what limits of the fleet count; called on the cluster's thread, and
/// never waited for.
public protocol CounterTable: AnyObject, Sendable {
    /// Hands over every window that was counted in since the last call: its key, its end in seconds
    /// since 1970, what this node has counted in it so far, and the limit.
    func takeCounted(_ body: (_ key: UInt64, _ end: UInt32, _ own: UInt32, _ limit: UInt32) -> Void)
    /// Calls `ring`, on any thread, when something is counted for the first time since it was taken.
    func onCounted(_ ring: @escaping @Sendable () -> Void)
    /// Tells the workers what was learned of others in a window.
    func publish(_ standing: CounterStanding, key: UInt64, end: UInt32)
}

/// How counting for the fleet goes.
public struct FleetCounterStatus: Equatable, Sendable {
    /// Keys that are counted here now.
    public internal(set) var keys = 0
    /// Windows that found no room.
    public internal(set) var overflows: UInt64 = 0
    /// Bytes of datagrams sent for it, seals included.
    public internal(set) var bytesSent: UInt64 = 0

    /// Creates the status of a node that counts nothing.
    public init() {}
}

extension ClusterLoop {
    /// Time between two tellings.
    private static let counterInterval = Duration.milliseconds(50)

    /// Shares what is counted in a table from now on.
    func share(_ table: any CounterTable) {
        self.counterTable = table
        self.counterPeersChanged()
        self.countersBegin()
    }

    /// Tells the counters who is there.
    func counterPeersChanged() {
        guard self.counterTable != nil else { return }
        let present = self.membership.members.filter(\.state.isPresent)
        self.fleetCounters.setMembers(present.map(\.id))
    }

    /// Takes in what another node says.
    func received(_ message: CounterMessage, from sender: NodeID) {
        guard let table = self.counterTable else { return }
        switch message {
        case .report(let report):
            self.fleetCounters.receive(report, from: sender)
            self.countersBegin()
        case .totals(let totals):
            self.fleetCounters.receive(totals, from: sender, at: Self.counterTime())
            self.publishCounters(to: table)
        }
    }

    /// How counting for the fleet goes.
    var counterStatus: FleetCounterStatus {
        var status = FleetCounterStatus()
        status.keys = self.fleetCounters.keyCount
        status.overflows = self.fleetCounters.overflows
        status.bytesSent = self.counters.counterBytesSent
        return status
    }

    /// Tells what is counted until nothing is; a node that counts nothing is not woken for it.
    func countersBegin() {
        guard !self.areCountersTold else { return }
        self.areCountersTold = true
        self.tellCounters()
    }

    private func tellCounters() {
        self.tickCounters()
        guard !self.fleetCounters.isEmpty else {
            self.areCountersTold = false
            return
        }
        self.after(Self.counterInterval) { $0.tellCounters() }
    }

    private func tickCounters() {
        guard let table = self.counterTable else { return }
        let now = Self.counterTime()
        table.takeCounted { key, end, own, limit in
            self.fleetCounters.note(
                own,
                in: CounterWindow(key: key, end: end),
                limit: limit,
                at: now
            )
        }
        guard !self.fleetCounters.isEmpty else { return }
        for effect in self.fleetCounters.tick(at: now, second: UInt32(clamping: now / 1_000)) {
            self.perform(effect)
        }
        self.publishCounters(to: table)
    }

    private func publishCounters(to table: any CounterTable) {
        for (window, standing) in self.fleetCounters.takeLearned() {
            table.publish(standing, key: window.key, end: window.end)
        }
    }

    private func perform(_ effect: MeshCounters.Effect) {
        switch effect {
        case .report(let report, let node): self.send(.report(report), to: node)
        case .totals(let totals, let node): self.send(.totals(totals), to: node)
        }
    }

    /// Sends a message in as many datagrams as it needs.
    private func send(_ message: CounterMessage, to node: NodeID) {
        guard let member = self.membership.member(node) else { return }
        let cluster = ClusterMessage.counters(message)
        if cluster.encoded.count > DatagramSealer.bodyByteLimit, let halves = message.halves {
            self.send(halves.0, to: node)
            return self.send(halves.1, to: node)
        }
        let before = self.counters.datagramBytesSent
        self.send(cluster, to: member.profile.address)
        self.counters.counterBytesSent += self.counters.datagramBytesSent - before
    }

    /// Windows are the wall clock's.
    private static func counterTime() -> Int64 { Int64(clamping: LoopClock.wallMilliseconds()) }
}

extension ClusterService {
    /// Shares what is counted in a table with the other nodes from now on.
    public func share(_ table: any CounterTable) {
        table.onCounted { [weak self] in self?.perform { $0.countersBegin() } }
        self.perform { $0.share(table) }
    }
}
