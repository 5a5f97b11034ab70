import HashTreeCollections
import MeshActivation
import MeshAdmin
import MeshChangelog
import MeshEntities
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import MeshWire

extension NodeAdmin {
    func configurationStatus(including changeset: String) async -> ConfigurationStatusReport {
        let members = await self.currentMembers()
        let held = ConfigurationVersion(await self.cluster.status().configuration)
        let timeline = await self.timeline()
        let index = changeset.isEmpty ? nil : try? timeline.index(named: changeset)
        let wall = NodeClock.wallMilliseconds
        let nodes = members.reports.filter { $0.state != .left }.map { member in
            let told = members.states[member.id]
            var report = Self.report(of: member, told: told, held: held)
            // 0 before the first configuration.
            report.ageSeconds = told.map(\.configurationSince).flatMap { since in
                since > 0 ? Double(wall &- min(wall, since)) / 1_000 : nil
            }
            report.lag = told == nil ? nil : timeline.lag(of: member.config)
            report.includes = index.map { timeline.does(member.config, include: $0) }
            return report
        }
        var report = ConfigurationStatusReport(config: held, nodes: nodes, view: members.view)
        if let index, index >= 0 {
            report.changeset = ChangesetReporter(timeline, members.reports).report(at: index)
        }
        return report
    }

    /// What each node routes by, without how far behind it is, which costs more to say.
    func standings() async -> [NodeConfigurationReport] {
        let members = await self.currentMembers()
        let held = ConfigurationVersion(await self.cluster.status().configuration)
        return members.reports.filter { $0.state != .left }.map {
            Self.report(of: $0, told: members.states[$0.id], held: held)
        }
    }

    func history(last count: Int) async -> HistoryReport {
        let members = await self.members()
        let timeline = await self.timeline()
        let reporter = ChangesetReporter(timeline, members.members)
        return HistoryReport(
            config: ConfigurationVersion(
                timeline.history.heads.last ?? timeline.history.startHead
            ),
            changesets: reporter.reports(last: count),
            checkpoint: ConfigurationVersion(timeline.history.startHead),
            view: members.view
        )
    }

    func changeset(_ name: String) async throws(AdminError) -> ChangesetDetailReport {
        let timeline = await self.timeline()
        let index = try Self.known { () throws(ConfigurationTimeline.Trouble) in
            try timeline.index(named: name)
        }
        guard index >= 0 else {
            throw .refused("\(name) is folded: what changed it is not remembered any more")
        }
        let reporter = ChangesetReporter(timeline, await self.members().members)
        let step = timeline.history.steps[index]
        let id = "\(step.entry.id)"
        return ChangesetDetailReport(
            changeset: reporter.report(at: index),
            changes: ConfigurationDifference(from: step.before, to: step.after).reports,
            conflicts: await self.conflicts().conflicts.filter {
                $0.winner.changeset == id || $0.loser.changeset == id
            }
        )
    }

    func difference(
        from old: String,
        to new: String
    ) async throws(AdminError) -> DifferenceReport {
        let timeline = await self.timeline()
        let (from, to) = try Self.known { () throws(ConfigurationTimeline.Trouble) in
            (try timeline.place(named: old), try timeline.place(named: new))
        }
        let difference = ConfigurationDifference(
            from: timeline.state(at: from),
            to: timeline.state(at: to)
        )
        var report = DifferenceReport(
            base: from.version,
            changes: difference.reports,
            warnings: []
        )
        report.target = to.version
        return report
    }

    func rollBack(
        to name: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        let timeline = await self.timeline()
        let place = try Self.known { () throws(ConfigurationTimeline.Trouble) in
            try timeline.place(named: name)
        }
        let target = timeline.state(at: place)
        var draft = ChangelogDraft(changes: [:], author: restoration.author)
        draft.message = restoration.message
        if draft.message.isEmpty {
            draft.message = "roll back to \(place.version.version) \(place.version.hash.prefix(4))"
        }
        for key in target.differingKeys(from: timeline.history.newest) {
            draft.changes.updateValue(target.entities[key]?.body, forKey: key)
        }
        return try await self.write(draft, upon: timeline, restoration)
    }

    func rollOut() async -> RollOutReport? { await self.rollOuts.report() }

    func perform(_ action: RollOutAction, author: String) async throws(AdminError) {
        try await self.rollOuts.perform(action, author: author)
    }

    func conflicts() async -> ConflictsReport {
        let members = await self.members()
        let timeline = await self.timeline()
        let reporter = ChangesetReporter(timeline, members.members)
        return ConflictsReport(
            conflicts: await self.cluster.conflicts().reversed().map {
                reporter.report($0.conflict, isOpen: $0.isOpen)
            },
            view: members.view
        )
    }

    func applyLoser(
        of name: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        let known = await self.cluster.conflicts().map(\.conflict)
        guard let conflict = known.last(where: { $0.name == name }) else {
            throw .unknownChangeset(name)
        }
        let timeline = await self.timeline()
        var draft = ChangelogDraft(changes: [:], author: restoration.author)
        draft.changes.updateValue(conflict.loser.body, forKey: conflict.key)
        draft.message = restoration.message
        if draft.message.isEmpty {
            draft.message = "apply again what lost in conflict \(name)"
        }
        return try await self.write(draft, upon: timeline, restoration)
    }

    /// Writes upon the newest configuration of a timeline, or fails when there is a newer one.
    private func write(
        _ draft: ChangelogDraft,
        upon timeline: ConfigurationTimeline,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport {
        let newest = timeline.history.newest.hash.description
        if let expected = restoration.expectedHash, expected != newest {
            throw .stale(held: ConfigurationVersion(await self.cluster.status().configuration))
        }
        let report = try await self.configurations.write(draft, expecting: newest)
        self.eventLog.add(
            .config,
            .configApplied,
            subject: report.config.hash,
            message: "+\(report.summary.created) ~\(report.summary.updated) "
                + "-\(report.summary.deleted): \(draft.message)"
        )
        return report
    }

    private func timeline() async -> ConfigurationTimeline {
        if let history = await self.cluster.history() {
            return ConfigurationTimeline(history: history)
        }
        return .empty
    }

    private static func known<Result>(
        _ body: () throws(ConfigurationTimeline.Trouble) -> Result
    ) throws(AdminError) -> Result {
        do throws(ConfigurationTimeline.Trouble) {
            return try body()
        } catch {
            switch error {
            case .unknown(let name): throw .unknownChangeset(name)
            case .ambiguous(let name, let names):
                let all = names.joined(separator: ", ")
                throw .refused("\(name) is one of \(all); name that one")
            }
        }
    }

    /// What a node routes by, as far as its own state says.
    private static func report(
        of member: MemberReport,
        told: NodeState?,
        held: ConfigurationVersion
    ) -> NodeConfigurationReport {
        var report = NodeConfigurationReport(
            name: member.name,
            region: member.region,
            member: member.state,
            state: Self.standing(of: member, told: told, held: held),
            config: member.config
        )
        report.reason = told?.rejection ?? ""
        return report
    }

    private static func standing(
        of member: MemberReport,
        told: NodeState?,
        held: ConfigurationVersion
    ) -> NodeConfigurationReport.State {
        guard member.state == .alive, let told else { return .unknown }
        if member.config.hash == held.hash { return .running }
        return told.rejection.isEmpty ? .pending : .rejected
    }
}

/// Writes changesets and conflicts as reports.
struct ChangesetReporter {
    private let timeline: ConfigurationTimeline
    private let names: [String: String]
    private let running: [ConfigurationVersion: [String]]
    private let changesets: [ChangesetID: EncodedChangeset]

    init(_ timeline: ConfigurationTimeline, _ members: [MemberReport]) {
        self.timeline = timeline
        self.names = Dictionary(members.map { ($0.id, $0.name) }) { first, _ in first }
        self.running = Dictionary(
            grouping: members.filter { $0.state == .alive },
            by: \.config
        ).mapValues { $0.map(\.name).sorted() }
        self.changesets = Dictionary(
            timeline.history.changesets.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The newest ones first.
    func reports(last count: Int) -> [ChangesetReport] {
        let steps = self.timeline.history.steps
        return steps.indices.suffix(count).reversed().map { index in
            var report = self.report(at: index)
            report.summary = ChangeSummary(steps[index])
            return report
        }
    }

    /// One, by its place in the order.
    func report(at index: Int) -> ChangesetReport {
        let entry = self.timeline.history.changesets[index]
        let version = ConfigurationVersion(self.timeline.history.heads[index])
        let changeset = entry.changeset
        var report = ChangesetReport(
            id: "\(entry.id)",
            config: version,
            node: self.name(of: changeset.node),
            at: Timestamp.text(milliseconds: min(changeset.wallMilliseconds, Self.latest)),
            author: changeset.author,
            message: changeset.message,
            summary: ChangeSummary(of: [])
        )
        report.summary.updated = changeset.changes.count { $0.body != nil && $0.replaces != nil }
        report.summary.created = changeset.changes.count { $0.body != nil && $0.replaces == nil }
        report.summary.deleted = changeset.changes.count { $0.body == nil }
        report.isLate = changeset.isLate
        report.nodes = self.running[version] ?? []
        switch self.timeline.history.outcome(at: index) {
        case .applied(let conflicts): report.conflicts = conflicts.count
        case .repeated: report.outcome = .repeated
        case .refused(let reason):
            report.outcome = .refused
            report.reason = reason
        }
        return report
    }

    func report(_ conflict: Conflict, isOpen: Bool) -> ConflictReport {
        let newest = self.timeline.history.newest
        let parts = conflict.key.split(separator: "/", maxSplits: 1).map(String.init)
        func stored(_ body: [UInt8]?) -> [StoredEntity] {
            body.map { [StoredEntity(key: conflict.key, body: $0)] } ?? []
        }
        let changes = ConfigurationDifference(
            from: newest.stored([conflict.key]),
            to: stored(conflict.loser.body)
        ).reports
        // Whatever has been applied again is no change any more, but is called as before.
        let shown = stored(conflict.loser.body ?? conflict.winner.body)
        return ConflictReport(
            id: conflict.name,
            open: isOpen,
            change: changes,
            kind: parts.first ?? "",
            entity: parts.last ?? "",
            name: ConfigurationDifference(from: [], to: shown).changes.first?.name ?? "",
            winner: self.side(conflict.winner),
            loser: self.side(conflict.loser)
        )
    }

    /// The end of the year 9999: a clock far off must not make a date that nobody can read.
    private static let latest: UInt64 = 253_402_300_799_999

    private func side(_ side: Conflict.Side) -> ConflictReport.Side {
        var report = ConflictReport.Side(
            changeset: side.changeset.map { "\($0)" } ?? "",
            deletes: side.body == nil
        )
        guard let id = side.changeset, let changeset = self.changesets[id]?.changeset else {
            return report
        }
        report.node = self.name(of: changeset.node)
        report.author = changeset.author
        report.message = changeset.message
        report.at = Timestamp.text(milliseconds: min(changeset.wallMilliseconds, Self.latest))
        return report
    }

    private func name(of node: NodeID) -> String {
        self.names[node.description] ?? node.description
    }
}

extension Conflict {
    /// Eight hexadecimal digits, the same at every node.
    var name: String {
        let sides = [self.winner, self.loser].map { $0.changeset?.description ?? "" }
        let text = ([self.key] + sides).joined(separator: "|")
        return String(contentHash(of: Array(text.utf8)).description.prefix(8))
    }
}

extension ChangeSummary {
    /// Counts what really changed in one step.
    fileprivate init(_ step: ChangelogHistory.Step) {
        self.init(of: [])
        for change in step.entry.changeset.changes {
            let (old, new) = (step.before.entities[change.key], step.after.entities[change.key])
            guard old?.stamp != new?.stamp else { continue }
            switch (old, new) {
            case (nil, _): self.created += 1
            case (_, nil): self.deleted += 1
            default: self.updated += 1
            }
        }
    }
}

extension ConfigurationDifference {
    /// Compares two states; costs O(entities) of looking and reads only what differs.
    init(from old: MeshChangelog.ConfigurationState, to new: MeshChangelog.ConfigurationState) {
        let keys = new.differingKeys(from: old)
        self.init(from: old.stored(keys), to: new.stored(keys))
    }

    /// Compares stored entities, those of kinds that this version knows.
    fileprivate init(from old: [StoredEntity], to new: [StoredEntity]) {
        let (old, new) = (ParsedEntities.readable(old), ParsedEntities.readable(new))
        self.init(from: old, to: new)
    }
}
