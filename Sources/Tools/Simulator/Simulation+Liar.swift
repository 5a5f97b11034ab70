import MeshChangelog
import MeshObservations
import MeshPrimitives

/// Lets one member, who has the keys, say what is not so.
extension Simulation {
    /// Says one lie to one other node, and the next one soon.
    mutating func lie(_ index: Int) {
        self.liar = index
        let next = self.now.advanced(by: .milliseconds(150))
        if next < Self.instant(self.profile.faultSeconds) {
            self.queue.push(.fault(.lie(index)), at: next)
        }
        let receiver = self.lies.next(below: self.nodes.count)
        guard receiver != index, self.nodes[index].isRunning, self.nodes[receiver].isRunning,
            let changelog = self.nodes[index].changelog
        else { return }
        let path: ChangelogPath = self.lies.next(below: 2) == 0 ? .stream : .datagram
        let packet: Packet
        if self.lies.next(below: 3) == 0 {
            packet = .observations(self.falseObservations(about: receiver, by: index))
        } else {
            packet = .changelog(self.falseMessage(of: changelog), path)
        }
        self.count(.lie)
        self.queue.push(
            .deliver(packet, from: index, to: receiver),
            at: self.now.advanced(by: .milliseconds(1))
        )
    }

    private mutating func falseMessage(of changelog: Changelog) -> ChangelogMessage {
        let writer = WriterID(high: self.lies.next(), low: self.lies.next())
        let hash = ContentHash(high: self.lies.next(), low: self.lies.next())
        var vector = changelog.vector
        vector[writer] = VersionVector.Entry(sequence: .max, head: hash)
        switch self.lies.next(below: 9) {
        case 0: return .push([self.part(self.far(writer, changelog))], wantsAnswer: true)
        case 1:
            return self.other(of: changelog).map { .push([$0], wantsAnswer: true) }
                ?? .announce(root: hash, generation: .max, wantsAnswer: true)
        case 2:
            let bytes = (0..<self.lies.next(below: 200)).map { UInt8($0 & 255) }
            let part = ChangesetPart(
                id: ChangesetID(writer: writer, sequence: .max),
                hash: hash,
                total: UInt64(bytes.count),
                offset: 0,
                bytes: bytes
            )
            return .push([part], wantsAnswer: true)
        case 3:
            let far = self.part(self.far(writer, changelog))
            let part = ChangesetPart(
                id: far.id,
                hash: hash,
                total: .max,
                offset: .max,
                bytes: far.bytes
            )
            return .parts([part, far], isLast: self.lies.next(below: 2) == 0)
        case 4: return .announce(root: hash, generation: .max, wantsAnswer: true)
        case 5:
            let summary = ChangelogSummary(
                vector: vector,
                floor: VersionVector(),
                horizon: .start,
                checkpoint: .zero
            )
            return self.lies.next(below: 2) == 0 ? .summary(summary) : .inquiry(summary)
        case 6: return .checkpointPart(hash, total: .max, offset: 0, bytes: [1, 2, 3])
        case 7: return .wantCheckpoint(hash, offset: .max)
        default: return .want(vector, progress: PartProgress(hash: hash, offset: .max))
        }
    }

    /// A changeset so far ahead that nobody could write after it.
    private func far(_ writer: WriterID, _ changelog: Changelog) -> EncodedChangeset {
        let changeset = Changeset(
            id: ChangesetID(writer: writer, sequence: 1),
            previous: .zero,
            generation: .max - 1,
            node: changelog.node,
            wallMilliseconds: .max,
            author: "liar",
            message: "",
            changes: [Changeset.Change(key: "services/far", replaces: nil, body: [1])]
        )
        return EncodedChangeset(changeset, hash: SimulatedHash.hash)
    }

    /// Another content under the name of a changeset that others wrote.
    private mutating func other(of changelog: Changelog) -> ChangesetPart? {
        guard let entry = changelog.history.changesets.last else { return nil }
        let known = entry.changeset
        let changeset = Changeset(
            id: known.id,
            previous: known.previous,
            generation: known.generation,
            node: known.node,
            wallMilliseconds: known.wallMilliseconds,
            author: "liar",
            message: "\(self.lies.next())",
            changes: known.changes
        )
        return self.part(EncodedChangeset(changeset, hash: SimulatedHash.hash))
    }

    private func part(_ entry: EncodedChangeset) -> ChangesetPart {
        ChangesetPart(
            id: entry.id,
            hash: entry.hash,
            total: UInt64(entry.byteCount),
            offset: 0,
            bytes: entry.bytes
        )
    }

    /// What another node is said to have said, far after what it has.
    ///
    /// A lie under a number that its owner uses a moment later would stand until the owner says
    /// something new: words of others are not signed.
    private mutating func falseObservations(
        about receiver: Int,
        by index: Int
    ) -> ObservationMessage {
        var message = ObservationMessage()
        let victim = self.nodes[self.lies.next(below: self.nodes.count)]
        var state = NodeState()
        state.generation = self.lies.next() >> 40
        let boot = victim.disk.bootCount + UInt64(self.lies.next(below: 2))
        let sequence = 10_000 * UInt64(1 + self.happened[.lie, default: 0])
        message.deltas.append(
            ObservationDelta(
                owner: victim.id,
                boot: boot,
                base: 0,
                head: sequence,
                newest: sequence,
                entries: [.init(sequence: sequence, observation: .state(state))]
            )
        )
        message.digest.append(
            ObservationDigest(
                owner: self.nodes[receiver].id,
                version: ObservationVersion(boot: boot, sequence: sequence + 7)
            )
        )
        return message
    }
}
