import MeshReports

/// What the names of events and of lines of the log mean, for `meshctl explain`.
enum EventBook {
    /// What happened, what it means and how it comes about, what to do.
    typealias Entry = (title: String, meaning: String, remedy: String)

    /// All entries.
    static var entries: [EventType: Entry] {
        [members, configuration, traffic, gossip, disk, process, handOver]
            .reduce(into: [:]) { all, part in all.merge(part) { first, _ in first } }
    }

    /// Members.
    static let members: [EventType: Entry] = [
        .joined: (
            "a member was seen for the first time",
            "A node was seen for the first time since this one started, or came back after "
                + "it was forgotten.",
            "Nothing. An unexpected name: meshctl member NAME shows its address; rotate the "
                + "keys if it is no node of yours."
        ),
        .alive: (
            "a member answers again",
            "It was suspect, failed or gone, and answers now.",
            "Nothing. When it comes and goes, its host or the path to it is overloaded: "
                + "meshctl member NAME."
        ),
        .suspect: (
            "a member missed its probes",
            "A probe of it, direct and through others, was not answered. It has some "
                + "seconds to say that it lives; balancing goes on with it meanwhile.",
            "meshctl member NAME says who misses it and which probes failed. Often: a "
                + "paused process, packet loss."
        ),
        .failed: (
            "a member did not refute its suspicion in time",
            "Nobody heard from it until its suspicion ran out. Its health checks go to "
                + "others, and its region counts without it.",
            "Look at the host. It comes back by itself; meshctl forget NAME takes one off "
                + "the list that never will."
        ),
        .left: (
            "a member said goodbye, or an operator said it for it",
            "It stopped in order, or an operator said so by meshctl force-leave.",
            "Nothing."
        ),
        .removed: (
            "a member that is gone was taken off the list",
            "A member that had left or failed was forgotten: by an operator, or since its "
                + "time was over.",
            "Nothing."
        ),
        .refuted: (
            "this node was suspected, and said that it lives",
            "Somebody did not reach this node and said so; this node contradicted with a "
                + "new incarnation, so nothing came of it.",
            "When it is frequent: this host is overloaded or its network loses packets. "
                + "meshctl check names a dead path."
        ),
        .meshFounded: (
            "this node learned which mesh it belongs to",
            "A mesh has an identity from its first node on; gossip of any other is refused "
                + "from now on.",
            "Nothing."
        ),
        .isolated: (
            "no probe of this node succeeds: it is likely the one that is cut off",
            "Everybody seems to be gone at once, so this node takes back its accusations "
                + "and keeps on serving by what it knew.",
            "Look at this node's network: gossip's UDP and TCP port, firewall, interface."
        ),
        .connected: (
            "probes of this node succeed again",
            "It was isolated, or nobody answered it.",
            "Nothing."
        ),
        .withdrew: (
            "this node is hard to reach, and asks to be left out until it is well",
            "Peers miss this node again and again though it lives. It asks balancers and "
                + "peers to go by.",
            "meshctl reachability shows which paths fail."
        ),
        .resumed: (
            "this node is well reached again, and asks to be taken back",
            "The paths that failed are well.",
            "Nothing."
        ),
        .nameConflict: (
            "two nodes claim one name",
            "A name belongs to whoever had it first while it lives. The other one is not "
                + "ready and writes nothing.",
            "Give the refused node another node.name, or stop the one that holds it."
        ),
        .storeRestored: (
            "the disk of this node is older than what peers knew of it",
            "data_dir was restored from an older copy, or a copy of it runs elsewhere. The "
                + "node goes on with a newer start number.",
            "After a restore: nothing. Otherwise find the copy and remove its data_dir."
        ),
        .twin: (
            "a second process has this node's identity",
            "data_dir was copied to a second host, so that two processes sign as one node. "
                + "The younger one is silent.",
            "Stop the copy, remove its data_dir, start it: it becomes a node of its own."
        ),
        .nodeDrained: (
            "an operator took a node out",
            "By meshctl drain, or as a step of meshctl upgrade. It finishes what it has.",
            "meshctl resume NAME puts it back."
        ),
        .forget: (
            "an operator took a member off the list",
            "By meshctl forget.",
            "Nothing. The node, should it live, comes back as soon as it speaks."
        ),
        .forceLeave: (
            "an operator declared a member gone",
            "By meshctl force-leave, for one that failed and will not come back.",
            "Nothing."
        ),
        .nodeResumed: (
            "an operator put a node back",
            "It takes traffic again.",
            "Nothing."
        ),
    ]

    /// The configuration.
    static let configuration: [EventType: Entry] = [
        .configApplied: (
            "a declarative file was made the configuration",
            "By meshctl config apply, POST /config, a rollback or a re-applied loser, at "
                + "this node.",
            "Nothing. meshctl config history has all of them."
        ),
        .configEdited: (
            "entities were changed through the Admin API",
            "At this node; the line names the author.",
            "Nothing. meshctl config history has all of them."
        ),
        .configRestored: (
            "a backup was made the configuration",
            "By meshctl restore, at this node.",
            "Nothing."
        ),
        .configReceived: (
            "a new configuration is held; it is not routed by yet",
            "It is on the disk. config-activated follows within a moment, or config-"
                + "rejected.",
            "Nothing. If neither follows, a roll-out holds it back: meshctl config roll-out "
                + "status."
        ),
        .configActivated: (
            "the node routes by another configuration",
            "Every request from now on is routed by it.",
            "Nothing."
        ),
        .configRejected: (
            "the node cannot route by the newest configuration",
            "It was fit for the node that wrote it and is not for this one, mostly for an "
                + "older version here. The configuration before goes on.",
            "The reason is in the line. meshctl config rollback, or upgrade the node."
        ),
        .addressesRejected: (
            "new addresses of host names could not be put to use",
            "The targets stay at the addresses of before.",
            "The reason is in the line."
        ),
        .configFileApplied: (
            "the config: file was made the first configuration",
            "Neither this node nor the mesh had a configuration.",
            "Nothing."
        ),
        .configFileDiffers: (
            "the config: file is not what the node routes by",
            "The file of the setting config: is read at the first start only.",
            "meshctl config diff FILE, then meshctl config apply FILE, or bring the file up "
                + "to date with meshctl config export."
        ),
        .configFileRefused: (
            "the config: file could not be applied",
            "It has findings, so none of it was applied; or writing it failed.",
            "meshctl config validate FILE."
        ),
        .hostUnresolved: (
            "a target's host name has no answer",
            "The name server gives no address. The addresses of before stay in use.",
            "Mend the name or the name server; it is asked again and again."
        ),
        .hostResolved: (
            "a target's host name has an answer again",
            "The name server gives addresses again.",
            "Nothing."
        ),
        .conflict: (
            "two nodes changed one entity at once",
            "Two operators wrote at two nodes before either saw the other's. One stands, "
                + "everywhere the same; the other is kept.",
            "meshctl config conflicts shows both, and re-applies the loser."
        ),
        .changesetRefused: (
            "a changeset breaks a rule and changes nothing",
            "All nodes refuse it alike, so the configuration is the same everywhere.",
            "The reason is in the line; write the change anew."
        ),
        .changesetLate: (
            "a changeset came after its place was folded",
            "It came from a node that was away for long. It is written again as a new "
                + "change.",
            "Nothing."
        ),
        .changesetTwice: (
            "two contents have the name of one changeset",
            "Two stores are copies of one disk. Both contents are kept, one under another "
                + "name.",
            "Find the copy: meshctl check, MESH013."
        ),
        .changesetAhead: (
            "a changeset claims a generation out of reach",
            "A generation far ahead of all others is a damaged disk or a forged record.",
            "Take the node that wrote it out, and remove its data_dir."
        ),
        .changesetMalformed: (
            "a peer sent what is no changeset",
            "A peer of another version, or a damaged one.",
            "Compare versions: meshctl members. Otherwise look at that node's disk."
        ),
        .rollOutRunning: (
            "a roll-out went on to another wave",
            "The next wave of nodes takes the change up; its guard is measured meanwhile.",
            "meshctl config roll-out status."
        ),
        .rollOutPaused: (
            "a roll-out waits for an operator",
            "An operator paused it, or it was to be taken back and what stood before is no longer "
                + "held; the line says which.",
            "meshctl config roll-out resume or abort, or apply what stood before by hand."
        ),
        .rollOutFinished: (
            "every node may route by what was rolled out",
            "All waves kept within the guard.",
            "Nothing."
        ),
        .rollOutAborted: (
            "what was rolled out was taken back",
            "The guard was broken or an operator gave it up; every node goes back to the "
                + "configuration before.",
            "The reason is in the line."
        ),
        .rollOutWaits: (
            "a step of a roll-out was not written; the next look decides anew",
            "Another node carries the roll-out on, or the disk was in the way.",
            "Nothing."
        ),
    ]

    /// The node's disk.
    static let disk: [EventType: Entry] = [
        .storeCopied: (
            "peers hold more of this store's changes than it does",
            "data_dir was restored or copied. It writes under a new name from now on.",
            "After a restore: nothing. Otherwise find the copy."
        ),
        .saveFailed: (
            "changes cannot be saved",
            "The disk is full, read-only or broken. No change is taken here; what is active "
                + "stays.",
            "Make room or mend the disk; the node tries by itself."
        ),
        .savedAgain: (
            "changes are saved again",
            "The disk takes what is written.",
            "Nothing."
        ),
        .membersUnsaved: (
            "the list of members was not saved",
            "After a restart the node would begin from its seeds.",
            "Look at the disk of data_dir."
        ),
        .storeNotClosed: (
            "the store could not be closed",
            "What was acknowledged is safe; the next start repairs.",
            "Look at the disk of data_dir."
        ),
        .bodiesUnbuffered: (
            "bodies stream on for want of room on disk",
            "Bodies that should be read whole before the target is asked stream on instead.",
            "Give proxy.body_buffer_dir room, or raise proxy.body_buffer_disk."
        ),
    ]

    /// The process, and upgrades.
    static let process: [EventType: Entry] = [
        .upgradeRunning: (
            "an upgrade of the fleet goes on",
            "By meshctl upgrade at this node.",
            "meshctl upgrade status."
        ),
        .upgradePaused: (
            "an upgrade of the fleet waits",
            "A gate did not open in time, a node died, or an operator paused it.",
            "meshctl upgrade status says why; meshctl upgrade resume goes on."
        ),
        .upgradeAborted: (
            "an upgrade of the fleet was given up",
            "By meshctl upgrade abort.",
            "Nothing. Nodes that were upgraded stay so."
        ),
        .upgradeFinished: (
            "every node has had its turn in an upgrade",
            "The fleet may still speak the old protocol.",
            "meshctl upgrade finalize, once no way back is needed."
        ),
        .upgradeFinalized: (
            "the fleet speaks the newest protocol that all know",
            "By meshctl upgrade finalize. Older versions cannot join any more.",
            "Nothing."
        ),
        .nodeServes: (
            "the node takes traffic",
            "It has a configuration, its listeners are open, and it is ready.",
            "Nothing."
        ),
        .nodeDrains: (
            "the node ends, and takes no new traffic",
            "By a signal, or a successor serves already.",
            "Nothing."
        ),
        .requestsCut: (
            "the deadline of a drain cut requests",
            "They were still going on after proxy.drain_deadline. The process ends with 75.",
            "Raise proxy.drain_deadline when such long requests are usual."
        ),
        .signal: (
            "a signal came",
            "HUP, USR1, USR2, QUIT, TERM or INT; what it does follows.",
            "Nothing."
        ),
        .logReopened: (
            "the access log was opened anew",
            "After a rotation.",
            "Nothing."
        ),
        .logKept: (
            "the access log could not be opened anew",
            "The old file stays in use.",
            "The reason is in the line: directory, rights, room."
        ),
        .adminRenewed: (
            "certificates and tokens of the Admin API were read again",
            "New ones count from now on.",
            "Nothing."
        ),
        .adminKept: (
            "certificates and tokens of the Admin API could not be read again",
            "The old ones stay in use.",
            "The reason is in the line."
        ),
        .staplesRenewed: (
            "OCSP responses were read again",
            "They are stapled from now on; those that are too old are not.",
            "Nothing."
        ),
        .stateWritten: (
            "the node's state was written to a file",
            "At QUIT: what the node knows, for whoever searches a defect.",
            "Nothing."
        ),
        .stateNotWritten: (
            "the node's state could not be written",
            "At QUIT.",
            "The reason is in the line: room, rights."
        ),
        .listenerLost: (
            "a listener of the Admin or status API was lost",
            "It is opened again with growing pauses; the proxy goes on.",
            "The reason is in the line."
        ),
        .listenerEnded: (
            "a listener of the Admin API ended with an error",
            "At the end of the process, or followed by listener-lost.",
            "Nothing."
        ),
        .threadStuck: (
            "a thread does not answer; the supervisor is not told that all is well",
            "A worker or the gossip loop does not answer in time. systemd restarts the node "
                + "if that lasts.",
            "Send QUIT for the state, and report it with the core."
        ),
        .socketUnused: (
            "an inherited socket is wanted by nobody",
            "The supervisor or the predecessor handed on a socket that the settings do not "
                + "name any more.",
            "Nothing, if an address was changed."
        ),
        .library: (
            "a library that the node uses said something; source names it",
            "Lines of libraries have no names of their own.",
            "Read the line."
        ),
    ]

    /// Hand-over to a successor.
    static let handOver: [EventType: Entry] = [
        .usualStart: (
            "no process was there to take over from",
            "--takeover found no process that runs this data_dir.",
            "Nothing."
        ),
        .takeoverUnready: (
            "no other process can take this node over",
            "The socket for it in data_dir could not be opened. Restarts then close "
                + "connections.",
            "The reason is in the line; the path may be too long for a socket."
        ),
        .successorStarted: (
            "a process was started to take the node over",
            "At USR2.",
            "Nothing; handing-over follows."
        ),
        .successorNotStarted: (
            "no process could be started to take the node over",
            "At USR2.",
            "The reason is in the line: the program's file, rights."
        ),
        .handingOver: (
            "another process is taking the node over",
            "The sockets are its; the store is next.",
            "Nothing."
        ),
        .handedOver: (
            "another process is the node",
            "This process finishes its requests and ends.",
            "Nothing."
        ),
        .handOverFailed: (
            "the node was not taken over and goes on",
            "The other process gave up or died. Nothing was lost.",
            "The other process's log says why."
        ),
        .handOverUndone: (
            "the node is here again after a hand-over that failed",
            "It writes and speaks again.",
            "Nothing."
        ),
        .storeBusy: (
            "the store is not open yet after a hand-over that failed",
            "The process that gave up still holds it.",
            "Nothing; it is tried again and again."
        ),
    ]
}
