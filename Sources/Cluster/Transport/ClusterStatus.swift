public import MeshChangelog
public import MeshMembership
public import MeshObservations
public import MeshPrimitives
public import MeshWire

/// How the cluster's side of a node stands at one moment.
public struct ClusterStatus: Equatable, Sendable {
    /// Which configuration the node holds; equal hashes route the same.
    public var configuration = ChangelogHead(generation: 0, hash: .zero)
    /// Hash of the set of changesets that it holds.
    public var root = ContentHash.zero
    /// Why the disk did not take the last changes; `nil` when it did.
    public var diskFault: String?
    /// What the sockets did.
    public var counters = ClusterCounters()
    /// What the membership did.
    public var membership = MembershipCounters()
    /// Whether the node is in its mesh.
    public var admission = Admission.admitted
    /// Which mesh the node belongs to; `nil` once the service has ended.
    public var mesh: MeshClaim?
    /// Whether the member table is full, so that no newcomer is taken in.
    public var isFull = false
    /// Whether most of the node's own probes fail.
    public var isIsolated = false
    /// The protocol versions that it speaks in this mesh.
    public var versions = WireVersions.current
    /// The protocol version that the mesh was finalized at, as this node knows.
    public var finalizedVersion: UInt8 = 1
    /// Whether the node has withdrawn, since its own pings show that it is hard to reach.
    public var isWithdrawn = false
    /// What observations did.
    public var observations = ObservationCounters()
    /// How counting for the fleet goes.
    public var fleetCounters = FleetCounterStatus()
    /// What keeps gossip from getting through now, by address.
    public var troubles: [PathTrouble] = []
    /// When a peer's datagram last opened; `nil` before the first.
    public var lastHeard: MonotonicInstant?

    /// Creates the status of a service that has done nothing.
    public init() {}
}

extension ClusterLoop {
    /// How the loop stands now.
    var status: ClusterStatus {
        var status = ClusterStatus()
        status.configuration = self.changelog.head
        status.root = self.changelog.root
        status.diskFault = self.changelog.diskFault
        status.counters = self.counters
        status.membership = self.membership.statistics
        status.admission = self.membership.admission
        status.mesh = self.membership.mesh
        status.isFull = self.membership.isFull
        status.isIsolated = self.membership.isIsolated
        status.versions = self.wire.versions
        status.finalizedVersion = self.wire.finalized
        status.isWithdrawn = self.membership.isWithdrawn
        status.observations = self.observations.counters
        status.fleetCounters = self.counterStatus
        status.troubles = self.troubles.current(at: LoopClock.now())
        status.lastHeard = self.lastHeard
        return status
    }
}

/// What the gossip sockets did since the start; only grows, but for the two of open streams.
public struct ClusterCounters: Equatable, Sendable {
    /// Datagrams sent.
    public internal(set) var datagramsSent: UInt64 = 0
    /// Bytes of datagrams sent.
    public internal(set) var datagramBytesSent: UInt64 = 0
    /// Bytes of datagrams sent for counters of the fleet; also among the others.
    public internal(set) var counterBytesSent: UInt64 = 0
    /// Datagrams received, refused ones included.
    public internal(set) var datagramsReceived: UInt64 = 0
    /// Bytes of datagrams received, refused ones included.
    public internal(set) var datagramBytesReceived: UInt64 = 0
    /// Messages too large for a datagram, not sent: a fault of this software.
    public internal(set) var datagramsOversized: UInt64 = 0
    /// Datagrams that the system refused to send, by cause.
    public internal(set) var sendRefusals: [SendRefusal: UInt64] = [:]
    /// Receives that failed.
    public internal(set) var datagramReceiveFailures: UInt64 = 0
    /// Times that a lost socket was opened again.
    public internal(set) var socketsReopened: UInt64 = 0
    /// Streams accepted.
    public internal(set) var streamsAccepted: UInt64 = 0
    /// Streams opened to peers.
    public internal(set) var streamsOpened: UInt64 = 0
    /// Streams given up: refused, timed out, broken, over a limit.
    public internal(set) var streamsFailed: UInt64 = 0
    /// Times that a stream was not read for a while, since its other end had sent too much.
    public internal(set) var streamsRested: UInt64 = 0
    /// Bytes of frames sent.
    public internal(set) var streamBytesSent: UInt64 = 0
    /// Bytes of frames received.
    public internal(set) var streamBytesReceived: UInt64 = 0
    /// Accepted streams open now.
    public internal(set) var inboundStreams = 0
    /// Opened streams open now.
    public internal(set) var outboundStreams = 0
    /// Refused input by reason, datagrams and streams together.
    public internal(set) var rejected: [WireError: UInt64] = [:]
    /// Records of newer software that were skipped.
    public internal(set) var recordsSkipped: UInt64 = 0
    /// Saves that failed.
    public internal(set) var saveFailures: UInt64 = 0
    /// Events that nobody fetched in time.
    public internal(set) var eventsDropped: UInt64 = 0

    /// Creates counters at zero.
    public init() {}
}
