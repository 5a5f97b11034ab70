import MeshMembership
import MeshPrimitives
import MeshWire

/// Which protocol version goes to whom.
struct WireStanding {
    /// What this build says.
    let dialect: WireDialect
    /// The version that the mesh was finalized at: nothing below is spoken.
    var finalized: UInt8 = 1
    /// The highest version shared with each member, by address; `nil` before it is needed again.
    var shared: [Endpoint: UInt8]?
    /// Counts messages to addresses of which nothing is known.
    var turn: UInt8 = 0

    /// The versions in use.
    var versions: WireVersions { self.dialect.versions.finalized(at: self.finalized) }

    /// The version for an address of which nothing is known.
    ///
    /// Each in turn, the oldest first and most often: but in a mesh that was finalized everybody reads it.
    mutating func versionForStranger() -> UInt8 {
        let versions = self.versions
        guard versions.count > 1 else { return versions.maximum }
        defer { self.turn &+= 1 }
        let place = self.turn % UInt8(clamping: versions.count + 1)
        return versions.minimum + (place > 0 ? place - 1 : 0)
    }
}

extension ClusterLoop {
    /// Speaks nothing below a version any more: the fleet was finalized at it.
    func finalize(at version: UInt8) {
        guard version > self.wire.finalized else { return }
        self.wire.finalized = version
        self.wire.shared = nil
        self.opener.versions = self.wire.versions
    }

    /// The version of a datagram to an address.
    func version(to endpoint: Endpoint) -> UInt8 {
        guard self.wire.versions.count > 1 else { return self.wire.versions.maximum }
        return self.sharedVersions()[endpoint] ?? self.wire.versionForStranger()
    }

    /// The highest version shared with each member that has any in common with this node.
    private func sharedVersions() -> [Endpoint: UInt8] {
        if let shared = self.wire.shared { return shared }
        let own = self.wire.versions
        var shared: [Endpoint: UInt8] = [:]
        for member in self.membership.members where member.state != .left {
            let theirs = WireVersions(member.profile)
            shared[member.profile.address] = theirs.highest(sharedWith: own)
        }
        self.wire.shared = shared
        return shared
    }

    /// Whether the member at an address speaks a version that this node does: its next word will tell
    /// those who do not know it yet.
    func sharesVersion(with endpoint: Endpoint) -> Bool {
        self.sharedVersions()[endpoint] != nil
    }

    /// A message's bytes in a version, with what this build adds to it as far as there is room.
    func body(_ message: ClusterMessage, version: UInt8, within limit: Int) -> [UInt8] {
        let body = message.encoded
        guard let adds = self.wire.dialect.adds else { return body }
        let added = adds(version, self.wire.finalized)
        return body.count + added.count <= limit ? body + added : body
    }

    /// Skips a record of newer software, or hands it to a build that knows it.
    func received(unknown type: UInt8, _ content: ArraySlice<UInt8>, from sender: NodeID) {
        self.counters.recordsSkipped += 1
        self.wire.dialect.takes?(type, content, sender)
    }

    /// Counts and tells that a node which holds a key speaks no version that this one does.
    func hasNoCommonVersion(with channel: StreamChannel, at endpoint: Endpoint?) {
        self.counters.rejected[.noCommonVersion, default: 0] += 1
        guard let endpoint else { return }
        let member = self.membership.member(channel.peer)
        let own = self.wire.versions
        let isFinalized = self.wire.finalized > self.wire.dialect.versions.minimum
        // Of a stream that it opened only the host is known, unless it is a member.
        let place = member?.profile.address ?? endpoint
        let older = channel.peerVersions.maximum < own.minimum ? "that node" : "this node"
        self.failed(
            .version,
            place,
            "\(member?.profile.name ?? "a node") there speaks protocol \(channel.peerVersions), this "
                + "node \(own)\(isFinalized ? " since the fleet was finalized" : ""): they exchange "
                + "nothing; upgrade \(older)"
        )
    }
}
