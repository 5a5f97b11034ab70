import MeshReports

extension EventBook {
    /// Targets and regions.
    static let traffic: [EventType: Entry] = [
        .targetCalledHealthy: (
            "an operator called a target healthy",
            "By Kong's /upstreams/…/healthy; it counts in the whole fleet until evidence "
                + "says otherwise.",
            "Nothing."
        ),
        .targetCalledUnhealthy: (
            "an operator called a target unhealthy",
            "By Kong's /upstreams/…/unhealthy.",
            "PUT its …/healthy puts it back."
        ),
        .targetDrain: (
            "an operator ordered a target to be drained",
            "By meshctl target drain at this node; target-draining follows at every node.",
            "meshctl target enable puts it back."
        ),
        .targetDisable: (
            "an operator ordered a target to be disabled",
            "By meshctl target disable at this node; target-disabled follows at every node.",
            "meshctl target enable puts it back."
        ),
        .targetEnable: (
            "an operator put a target back",
            "By meshctl target enable at this node.",
            "Nothing."
        ),
        .targetHealthy: (
            "a target takes its full share",
            "It serves as its weight says.",
            "Nothing."
        ),
        .targetLowered: (
            "a target takes a lowered share",
            "It is slow, doubted by a peer, or too much else is out of use.",
            "meshctl why HOST:PORT."
        ),
        .targetTrial: (
            "a target takes one request at a time, to show whether it is back",
            "It failed before. One request that may be retried is tried at it at a time.",
            "meshctl why HOST:PORT."
        ),
        .targetExcluded: (
            "a target takes nothing",
            "It failed too often, refused connections or failed its checks.",
            "meshctl why HOST:PORT says by whose evidence. Look at the target."
        ),
        .targetDraining: (
            "an operator drains a target",
            "By meshctl target drain; what is pinned to it may finish.",
            "meshctl target enable puts it back."
        ),
        .targetDisabled: (
            "an operator has disabled a target",
            "By meshctl target disable.",
            "meshctl target enable puts it back."
        ),
        .panicBegan: (
            "too much of an upstream is out of use; doubtful targets serve again",
            "To exclude still more would overload the rest.",
            "meshctl health UPSTREAM; look at the excluded targets."
        ),
        .panicEnded: (
            "enough of an upstream is in use again",
            "Excluded targets get nothing again.",
            "Nothing."
        ),
        .upstreamClosed: (
            "an upstream answers 503, being below its threshold",
            "Less than the upstream's healthchecks.threshold of its weight is in use.",
            "meshctl health UPSTREAM."
        ),
        .upstreamOpen: (
            "an upstream is above its threshold again",
            "More than the threshold is in use.",
            "Nothing."
        ),
        .regionDrain: (
            "an operator ordered a region to be drained",
            "By meshctl region drain at this node.",
            "meshctl region undrain puts it back."
        ),
        .regionUndrain: (
            "an operator put a region back",
            "By meshctl region undrain at this node.",
            "Nothing."
        ),
        .regionFailover: (
            "an operator ordered traffic away from a region",
            "By meshctl region failover at this node.",
            "meshctl region failback takes it back."
        ),
        .regionFailback: (
            "an operator ordered traffic back to a region",
            "By meshctl region failback at this node.",
            "Nothing."
        ),
        .regionHold: (
            "an operator ordered the return of a region to wait",
            "By meshctl region hold at this node.",
            "meshctl region failback ends it."
        ),
        .regionUp: (
            "every member of a region is alive",
            "As far as this node and the others' votes go.",
            "Nothing."
        ),
        .regionDegraded: (
            "members of a region are missing or take no traffic",
            "Some are down, or drained.",
            "meshctl members."
        ),
        .regionDown: (
            "no member of a region is alive",
            "In nobody's view.",
            "meshctl region list. Traffic goes elsewhere by itself where the upstream's "
                + "region policy lets it."
        ),
        .regionUnreachable: (
            "this node reaches nobody of a region",
            "Others may reach it: the path from here is cut.",
            "meshctl reachability."
        ),
        .trafficMoved: (
            "traffic went from one region to another",
            "A region lost or got back capacity, or an operator said so.",
            "meshctl why SERVICE tells every move with its cause."
        ),
        .overflowBegan: (
            "a region takes requests that another one does not bear",
            "Answers of the other region took twice as long as usual, so what is above the requests "
                + "in flight that it bears goes to the next that bears more (regions.spill: load).",
            "meshctl balance SERVICE shows what each target gets; give the other region more "
                + "capacity if it lasts."
        ),
        .overflowEnded: (
            "a region takes no more requests that another one does not bear",
            "For thirty seconds the other region has borne all of them.",
            "Nothing."
        ),
    ]

    /// Gossip and its keys.
    static let gossip: [EventType: Entry] = [
        .keysStage: (
            "an operator had a key staged",
            "By meshctl keys stage at this node; keys-changed follows at every node.",
            "meshctl keys list, then meshctl keys activate."
        ),
        .keysActivate: (
            "an operator had a key activated",
            "By meshctl keys activate at this node; keys-changed follows at every node.",
            "meshctl keys list, then meshctl keys retire for the old one."
        ),
        .keysRetire: (
            "an operator had a key retired",
            "By meshctl keys retire at this node; keys-changed follows at every node.",
            "Nothing."
        ),
        .keysChanged: (
            "this node holds another key ring",
            "By meshctl keys, or learned from the mesh.",
            "meshctl keys list shows which nodes hold what."
        ),
        .ringFromMesh: (
            "the ring of the running mesh counts, not that of the file",
            "The keys were changed while the mesh ran. The file is what a new node needs.",
            "Bring gossip.keyring's file up to date: meshctl keys list."
        ),
        .gossipSend: (
            "the system takes no datagram for an address",
            "The address does not fit, or the network is unreachable.",
            "The reason is in the line; see the member's advertised address."
        ),
        .gossipStream: (
            "no stream to an address opens",
            "A firewall lets UDP through and TCP not, or the node is gone.",
            "Open gossip's TCP port between the nodes."
        ),
        .gossipDatagrams: (
            "streams of an address are answered, datagrams are not",
            "A firewall lets TCP through and UDP not. What must be said goes through others "
                + "meanwhile.",
            "Open gossip's UDP port between the nodes."
        ),
        .gossipSocket: (
            "the node's own gossip socket was lost",
            "It is opened again with growing pauses.",
            "The reason is in the line: the interface or the address is gone."
        ),
        .gossipName: (
            "a member of the address holds the name that another claims",
            "Two nodes have one node.name.",
            "Give one of them another."
        ),
        .gossipStranger: (
            "gossip of another key ring or cluster name comes from an address",
            "The other node cannot be read, and cannot read this one.",
            "Same gossip.keyring and gossip.cluster on all nodes; a node of another mesh "
                + "must have other seeds."
        ),
        .gossipVersion: (
            "a node speaks no protocol version that this one does",
            "Versions are too far apart.",
            "Upgrade step by step, as the README of deploy says."
        ),
        .gossipMesh: (
            "a node of another mesh is at an address",
            "Two meshes never merge: nothing of it is taken.",
            "Correct gossip.seeds; for two meshes on one network use two cluster names."
        ),
        .gossipTwin: (
            "a process at an address has this node's own identity",
            "data_dir was copied.",
            "Stop the copy, remove its data_dir, start it."
        ),
        .seedUnresolved: (
            "the host name of a seed has no answer",
            "Other seeds are tried, and this one again.",
            "Mend the name or the name server."
        ),
    ]
}
