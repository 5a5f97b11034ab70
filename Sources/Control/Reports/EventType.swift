/// Everything that a node tells of: the `type` of an event and the `event` of a line of the log.
///
/// The names are stable: alerts and searches may rest on them. `meshctl explain NAME` says more of each.
public enum EventType: String, CaseIterable, Sendable {
    /// A member was seen for the first time.
    case joined
    /// A member answers again.
    case alive
    /// A member missed its probes.
    case suspect
    /// A member did not refute its suspicion in time.
    case failed
    /// A member said goodbye, or an operator said it for it.
    case left
    /// A member that is gone was taken off the list.
    case removed
    /// This node was suspected, and said that it lives.
    case refuted
    /// This node learned which mesh it belongs to.
    case meshFounded = "mesh-founded"
    /// No probe of this node succeeds: it is likely the one that is cut off.
    case isolated
    /// Probes of this node succeed again.
    case connected
    /// This node is hard to reach, and asks to be left out until it is well.
    case withdrew
    /// This node is well reached again, and asks to be taken back.
    case resumed
    /// Two nodes claim one name.
    case nameConflict = "name-conflict"
    /// The disk of this node is older than what peers knew of it.
    case storeRestored = "store-restored"
    /// A second process has this node's identity.
    case twin
    /// An operator took a node out.
    case nodeDrained = "node-drained"
    /// An operator took a member off the list.
    case forget
    /// An operator declared a member gone.
    case forceLeave = "force-leave"
    /// An operator put a node back.
    case nodeResumed = "node-resumed"

    /// A declarative file was made the configuration.
    case configApplied = "config-applied"
    /// Entities were changed through the Admin API.
    case configEdited = "config-edited"
    /// A backup was made the configuration.
    case configRestored = "config-restored"
    /// A new configuration is held; it is not routed by yet.
    case configReceived = "config-received"
    /// The node routes by another configuration.
    case configActivated = "config-activated"
    /// The node cannot route by the newest configuration.
    case configRejected = "config-rejected"
    /// New addresses of host names could not be put to use.
    case addressesRejected = "addresses-rejected"
    /// The `config:` file was made the first configuration.
    case configFileApplied = "config-file-applied"
    /// The `config:` file is not what the node routes by.
    case configFileDiffers = "config-file-differs"
    /// The `config:` file could not be applied.
    case configFileRefused = "config-file-refused"
    /// A target's host name has no answer.
    case hostUnresolved = "host-unresolved"
    /// A target's host name has an answer again.
    case hostResolved = "host-resolved"
    /// Two nodes changed one entity at once.
    case conflict
    /// A changeset breaks a rule and changes nothing.
    case changesetRefused = "changeset-refused"
    /// A changeset came after its place was folded.
    case changesetLate = "changeset-late"
    /// Two contents have the name of one changeset.
    case changesetTwice = "changeset-twice"
    /// A changeset claims a generation out of reach.
    case changesetAhead = "changeset-ahead"
    /// A peer sent what is no changeset.
    case changesetMalformed = "changeset-malformed"
    /// A roll-out went on to another wave.
    case rollOutRunning = "roll-out-running"
    /// A roll-out waits for an operator.
    case rollOutPaused = "roll-out-paused"
    /// Every node may route by what was rolled out.
    case rollOutFinished = "roll-out-finished"
    /// What was rolled out was taken back.
    case rollOutAborted = "roll-out-aborted"
    /// A step of a roll-out was not written; the next look decides anew.
    case rollOutWaits = "roll-out-waits"

    /// An operator called a target healthy.
    case targetCalledHealthy = "target-called-healthy"
    /// An operator called a target unhealthy.
    case targetCalledUnhealthy = "target-called-unhealthy"
    /// An operator ordered a target to be drained.
    case targetDrain = "target-drain"
    /// An operator ordered a target to be disabled.
    case targetDisable = "target-disable"
    /// An operator put a target back.
    case targetEnable = "target-enable"
    /// A target takes its full share.
    case targetHealthy = "target-healthy"
    /// A target takes a lowered share.
    case targetLowered = "target-lowered"
    /// A target takes one request at a time, to show whether it is back.
    case targetTrial = "target-trial"
    /// A target takes nothing.
    case targetExcluded = "target-excluded"
    /// An operator drains a target.
    case targetDraining = "target-draining"
    /// An operator has disabled a target.
    case targetDisabled = "target-disabled"
    /// Too much of an upstream is out of use; doubtful targets serve again.
    case panicBegan = "panic-began"
    /// Enough of an upstream is in use again.
    case panicEnded = "panic-ended"
    /// An upstream answers 503, being below its threshold.
    case upstreamClosed = "upstream-closed"
    /// An upstream is above its threshold again.
    case upstreamOpen = "upstream-open"
    /// An operator ordered a region to be drained.
    case regionDrain = "region-drain"
    /// An operator put a region back.
    case regionUndrain = "region-undrain"
    /// An operator ordered traffic away from a region.
    case regionFailover = "region-failover"
    /// An operator ordered traffic back to a region.
    case regionFailback = "region-failback"
    /// An operator ordered the return of a region to wait.
    case regionHold = "region-hold"
    /// Every member of a region is alive.
    case regionUp = "region-up"
    /// Members of a region are missing or take no traffic.
    case regionDegraded = "region-degraded"
    /// No member of a region is alive.
    case regionDown = "region-down"
    /// This node reaches nobody of a region.
    case regionUnreachable = "region-unreachable"
    /// Traffic went from one region to another.
    case trafficMoved = "traffic-moved"
    /// A region takes requests that another one does not bear.
    case overflowBegan = "overflow-began"
    /// A region takes no such requests any more.
    case overflowEnded = "overflow-ended"

    /// An operator had a key staged.
    case keysStage = "keys-stage"
    /// An operator had a key activated.
    case keysActivate = "keys-activate"
    /// An operator had a key retired.
    case keysRetire = "keys-retire"
    /// This node holds another key ring.
    case keysChanged = "keys-changed"
    /// The ring of the running mesh counts, not that of the file.
    case ringFromMesh = "ring-from-mesh"
    /// The system takes no datagram for an address.
    case gossipSend = "gossip-send"
    /// No stream to an address opens.
    case gossipStream = "gossip-stream"
    /// Streams of an address are answered, datagrams are not.
    case gossipDatagrams = "gossip-datagrams"
    /// The node's own gossip socket was lost.
    case gossipSocket = "gossip-socket"
    /// A member of the address holds the name that another claims.
    case gossipName = "gossip-name"
    /// Gossip of another key ring or cluster name comes from an address.
    case gossipStranger = "gossip-stranger"
    /// A node speaks no protocol version that this one does.
    case gossipVersion = "gossip-version"
    /// A node of another mesh is at an address.
    case gossipMesh = "gossip-mesh"
    /// A process at an address has this node's own identity.
    case gossipTwin = "gossip-twin"
    /// The host name of a seed has no answer.
    case seedUnresolved = "seed-unresolved"

    /// Peers hold more of this store's changes than it does.
    case storeCopied = "store-copied"
    /// Changes cannot be saved.
    case saveFailed = "save-failed"
    /// Changes are saved again.
    case savedAgain = "saved-again"
    /// The list of members was not saved.
    case membersUnsaved = "members-unsaved"
    /// The store could not be closed.
    case storeNotClosed = "store-not-closed"
    /// Bodies stream on for want of room on disk.
    case bodiesUnbuffered = "bodies-unbuffered"

    /// An upgrade of the fleet goes on.
    case upgradeRunning = "upgrade-running"
    /// An upgrade of the fleet waits.
    case upgradePaused = "upgrade-paused"
    /// An upgrade of the fleet was given up.
    case upgradeAborted = "upgrade-aborted"
    /// Every node has had its turn in an upgrade.
    case upgradeFinished = "upgrade-finished"
    /// The fleet speaks the newest protocol that all know.
    case upgradeFinalized = "upgrade-finalized"
    /// The node takes traffic.
    case nodeServes = "node-serves"
    /// The node ends, and takes no new traffic.
    case nodeDrains = "node-drains"
    /// The deadline of a drain cut requests.
    case requestsCut = "requests-cut"
    /// A signal came.
    case signal
    /// The access log was opened anew.
    case logReopened = "log-reopened"
    /// The access log could not be opened anew.
    case logKept = "log-kept"
    /// Certificates and tokens of the Admin API were read again.
    case adminRenewed = "admin-renewed"
    /// Certificates and tokens of the Admin API could not be read again.
    case adminKept = "admin-kept"
    /// OCSP responses were read again.
    case staplesRenewed = "staples-renewed"
    /// The node's state was written to a file.
    case stateWritten = "state-written"
    /// The node's state could not be written.
    case stateNotWritten = "state-not-written"
    /// A listener of the Admin or status API was lost.
    case listenerLost = "listener-lost"
    /// A listener of the Admin API ended with an error.
    case listenerEnded = "listener-ended"
    /// A thread does not answer; the supervisor is not told that all is well.
    case threadStuck = "thread-stuck"
    /// An inherited socket is wanted by nobody.
    case socketUnused = "socket-unused"
    /// A library that the node uses said something; `source` names it.
    case library

    /// No process was there to take over from.
    case usualStart = "usual-start"
    /// No other process can take this node over.
    case takeoverUnready = "takeover-unready"
    /// A process was started to take the node over.
    case successorStarted = "successor-started"
    /// No process could be started to take the node over.
    case successorNotStarted = "successor-not-started"
    /// Another process is taking the node over.
    case handingOver = "handing-over"
    /// Another process is the node.
    case handedOver = "handed-over"
    /// The node was not taken over and goes on.
    case handOverFailed = "hand-over-failed"
    /// The node is here again after a hand-over that failed.
    case handOverUndone = "hand-over-undone"
    /// The store is not open yet after a hand-over that failed.
    case storeBusy = "store-busy"
}

extension EventType {
    /// How much it matters, from little to much; equal to the level of its line in the log.
    public enum Severity: String, Sendable {
        /// For those who search a defect.
        case debug
        /// Goes on all the time.
        case info
        /// Seldom, and as it should be.
        case notice
        /// Something is worse than usual.
        case warning
        /// Somebody should look.
        case error
    }

    /// How much it matters.
    public var severity: Severity {
        switch self {
        case .rollOutWaits, .listenerEnded:
            .debug
        case .alive, .left, .refuted, .connected, .resumed, .nodeDrained,
            .nodeResumed, .changesetLate, .targetHealthy, .targetTrial,
            .targetDraining,
            .targetDisabled, .panicEnded, .upstreamOpen, .regionUp, .trafficMoved, .overflowEnded,
            .keysChanged,
            .ringFromMesh, .savedAgain, .stateWritten, .socketUnused, .usualStart,
            .successorStarted,
            .handingOver, .handedOver, .handOverUndone, .configApplied, .targetCalledHealthy,
            .targetDrain, .targetDisable, .targetEnable, .regionDrain, .regionUndrain,
            .regionFailback, .regionHold, .keysStage, .keysActivate, .keysRetire, .upgradeRunning,
            .upgradeFinished, .upgradeFinalized:
            .notice
        case .suspect, .withdrew, .storeRestored, .configFileDiffers, .hostUnresolved, .conflict,
            .rollOutPaused, .rollOutAborted, .targetLowered, .regionDegraded, .gossipSend,
            .gossipStream,
            .gossipDatagrams, .gossipStranger, .gossipVersion, .seedUnresolved, .storeCopied,
            .membersUnsaved, .requestsCut, .takeoverUnready, .storeBusy, .forget, .forceLeave,
            .configRestored, .targetCalledUnhealthy, .regionFailover, .upgradePaused,
            .upgradeAborted, .overflowBegan:
            .warning
        case .failed, .isolated, .nameConflict, .twin, .configRejected, .addressesRejected,
            .configFileRefused, .changesetRefused, .changesetTwice, .changesetAhead,
            .changesetMalformed, .targetExcluded, .panicBegan, .upstreamClosed, .regionDown,
            .regionUnreachable, .gossipSocket, .gossipName, .saveFailed, .storeNotClosed,
            .bodiesUnbuffered, .logKept, .adminKept, .stateNotWritten, .listenerLost, .threadStuck,
            .successorNotStarted, .handOverFailed, .gossipMesh, .gossipTwin:
            .error
        case .joined, .removed, .meshFounded, .configEdited, .configReceived, .configActivated,
            .configFileApplied, .hostResolved, .rollOutRunning, .rollOutFinished, .nodeServes,
            .nodeDrains, .signal, .logReopened, .adminRenewed, .staplesRenewed, .library:
            .info
        }
    }
}
