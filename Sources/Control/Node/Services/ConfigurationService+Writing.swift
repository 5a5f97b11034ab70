import MeshActivation
import MeshAdmin
import MeshChangelog
import MeshDeclarative
import MeshEntities
import MeshPrimitives
import MeshReports
import MeshTransport

/// Makes a roll-out of what is written upon a configuration.
typealias RollOutMaker = @Sendable (ClusterConfigurationState) async -> RollOut

extension ConfigurationService {
    /// Replaces the whole configuration by a text's, or what of it has the tags that the submission
    /// selects; durably here, then gossiped.
    ///
    /// - Parameters:
    ///   - submission: what to apply.
    ///   - alreadyRead: what was read of its text before, and then nobody asks what has changed;
    ///     `nil`: it is read here.
    ///   - rollOut: makes the roll-out by which nodes take it up; `nil`: all at once.
    /// - Returns: what has changed, and who holds it.
    /// - Throws: ``AdminError``; nothing has changed then.
    func apply(
        _ submission: Submission,
        alreadyRead: ReadFile? = nil,
        by rollOut: RollOutMaker? = nil
    ) async throws(AdminError) -> ApplyReport {
        try self.beginWriting()
        defer { self.endWriting() }
        let parsed =
            if let alreadyRead { alreadyRead.declaration } else { try self.parse(submission) }
        while true {
            do throws(AdminError) {
                let held = await self.cluster.latest()
                let target = try Self.target(of: parsed, upon: held, submission)
                // It is written out while the compiler looks at it.
                async let verdict = self.verdict(on: target)
                let known = alreadyRead.flatMap { $0.declaration.selectTags.isEmpty ? $0 : nil }
                let written = known?.written ?? WrittenConfiguration(target)
                var draft = await Self.draft(from: held.entities, to: written)
                try await verdict.get()
                draft.author = submission.author
                draft.message =
                    submission.message.isEmpty ? "apply \(submission.name)" : submission.message
                self.compiler.expect(written)
                var report = try await self.write(
                    draft,
                    upon: held,
                    expecting: submission.expectedHash,
                    alreadyRead == nil && submission.wantsChanges
                        ? ConfigurationDifference(from: held.configuration, to: target)
                        : ConfigurationDifference(from: .empty, to: .empty),
                    by: rollOut
                )
                report.warnings = parsed.warnings.map(FindingReport.init)
                await self.settled()
                self.compiler.wrote(written)
                return report
            } catch .stale where submission.expectedHash == nil {
                // Somebody wrote meanwhile; what the operator wants is still the whole.
                continue
            }
        }
    }

    /// Writes single changes of stored entities upon exactly what is held, after a check of the whole.
    ///
    /// - Throws: ``AdminError``; nothing has changed then.
    func write(
        _ draft: ChangelogDraft,
        expecting hash: String?
    ) async throws(AdminError) -> ApplyReport {
        try self.beginWriting()
        defer { self.endWriting() }
        let held = await self.cluster.latest()
        var bodies = Dictionary(held.entities.map { ($0.key, $0.body) }) { first, _ in first }
        for (key, body) in draft.changes { bodies[key] = body }
        let target = try Self.configuration(
            of: bodies.sorted { $0.key < $1.key }.map { StoredEntity(key: $0.key, body: $0.value) }
        )
        try await self.check(target)
        let report = try await self.write(
            draft,
            upon: held,
            expecting: hash,
            ConfigurationDifference(from: held.configuration, to: target)
        )
        await self.settled()
        return report
    }

    /// Compares a text with what the node holds.
    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport {
        let parsed = try self.parse(submission)
        let held = await self.cluster.latest()
        let difference = ConfigurationDifference(
            from: held.configuration,
            to: try Self.target(of: parsed, upon: held, submission)
        )
        return DifferenceReport(
            base: ConfigurationVersion(held.head),
            changes: difference.reports,
            warnings: parsed.warnings.map(FindingReport.init)
        )
    }

    /// Reads and checks a text without applying it.
    func validate(_ submission: Submission) -> ValidationReport {
        do {
            let parsed = try submission.declaration(self.declarationOptions)
            return ValidationReport(
                findings: [],
                warnings: parsed.warnings.map(FindingReport.init)
            )
        } catch {
            return ValidationReport(findings: error.findings.map(FindingReport.init), warnings: [])
        }
    }

    var declarationOptions: DeclarationOptions {
        DeclarationOptions(flavor: self.compiler.flavor)
    }

    /// Writes a draft upon what is held, and nothing else.
    private func write(
        _ draft: ChangelogDraft,
        upon held: ClusterConfigurationState,
        expecting hash: String?,
        _ difference: ConfigurationDifference,
        by rollOut: RollOutMaker? = nil
    ) async throws(AdminError) -> ApplyReport {
        let base = ConfigurationVersion(held.head)
        if let hash, hash != base.hash { throw .stale(held: base) }
        var draft = draft
        draft.expecting = .head(held.head.hash)
        var report = ApplyReport(
            config: base,
            base: base,
            changes: difference.reports,
            warnings: []
        )
        guard !draft.isEmpty else { return report }
        if let rollOut { draft.changes[RollOut.key] = await rollOut(held).body }
        let receipt = try await self.cluster.submit(draft)
        report.config = ConfigurationVersion(receipt.head)
        report.changeset = receipt.changeset.map { "\($0)" } ?? ""
        report.holders = await self.cluster.names(of: receipt.holders)
        report.confirmed = receipt.isConfirmed
        return report
    }

    /// What ``check(_:)`` comes to.
    private func verdict(on configuration: GatewayConfiguration) async -> Result<Void, AdminError> {
        do throws(AdminError) {
            return .success(try await self.check(configuration))
        } catch {
            return .failure(error)
        }
    }

    /// Refuses before it is written whatever this node could not route by.
    private func check(_ configuration: GatewayConfiguration) async throws(AdminError) {
        do {
            try await self.compiler.check(configuration)
        } catch {
            throw .invalidConfiguration(InvalidConfiguration(message: "\(error)"))
        }
    }

    private func parse(_ submission: Submission) throws(AdminError) -> ParsedDeclaration {
        if submission.text.utf8.count >= ReadingMemory.largeText { ReadingMemory.begin() }
        do {
            return try submission.declaration(self.declarationOptions)
        } catch {
            throw .invalidConfiguration(
                InvalidConfiguration(
                    message: error.kongMessage,
                    fields: error.fields,
                    flattenedErrors: error.flattenedErrors,
                    findings: error.findings.map(FindingReport.init)
                )
            )
        }
    }
}

extension ConfigurationService {
    /// What a text makes of what is held: the text itself, or, with tags that the submission or the
    /// text selects, the held entities that do not have all of them, and the text's, which get them.
    static func target(
        of parsed: ParsedDeclaration,
        upon held: ClusterConfigurationState,
        _ submission: Submission
    ) throws(AdminError) -> GatewayConfiguration {
        let tags = submission.selectTags.isEmpty ? parsed.selectTags : submission.selectTags
        guard !tags.isEmpty else { return parsed.configuration }
        var bodies: [String: [UInt8]] = [:]
        var members: [String: DocumentValue] = [:]
        for entity in held.entities {
            let document = try? JSONText.parse(entity.body).value
            let own = (document?["tags"]?.elements ?? []).compactMap(\.text)
            if !tags.allSatisfy(own.contains) { bodies[entity.key] = entity.body }
            if entity.key.hasPrefix("\(EntityKind.groupMembers.rawValue)/") {
                members[entity.key] = document
            }
        }
        // A membership has no tags: it goes with its consumer, who is said to be in a group.
        for (key, member) in members
        where Self.key(of: "consumer", .consumers, in: member).map({ bodies[$0] == nil }) ?? true {
            bodies[key] = nil
        }
        parsed.configuration.forEachEntry { entry in
            guard entry.kind != .groupMembers else {
                bodies["\(entry.kind.rawValue)/\(entry.id)"] = entry.document.canonicalJSON
                return
            }
            let own = (entry.document["tags"]?.elements ?? []).compactMap(\.text)
            let missing = tags.filter { !own.contains($0) }
            var document = entry.document
            document.set("tags", .list((own + missing).map(DocumentValue.string)))
            bodies["\(entry.kind.rawValue)/\(entry.id)"] = document.canonicalJSON
        }
        // One whose group the text has no more goes, too.
        for (key, member) in members
        where Self.key(of: "consumer_group", .consumerGroups, in: member)
            .map({ bodies[$0] == nil }) ?? true
        {
            bodies[key] = nil
        }
        return try Self.configuration(
            of: bodies.sorted { $0.key < $1.key }.map { StoredEntity(key: $0.key, body: $0.value) }
        )
    }

    /// Where the entity is stored that a field refers to.
    private static func key(
        of field: String,
        _ kind: EntityKind,
        in document: DocumentValue
    ) -> String? {
        document[field]?["id"]?.text.map { "\(kind.rawValue)/\($0)" }
    }

    /// What stored entities say, checked as a whole.
    private static func configuration(
        of entities: [StoredEntity]
    ) throws(AdminError) -> GatewayConfiguration {
        var parsed = ParsedEntities()
        let findings: [Finding]
        do throws(StoredEntityError) {
            try parsed.update(to: entities)
            findings = parsed.configuration.findings()
        } catch {
            throw .refused("the result cannot be read: \(error)")
        }
        guard findings.isEmpty else {
            var invalid = InvalidConfiguration(
                message: findings.map(\.description).joined(separator: "; ")
            )
            invalid.findings = findings.map(FindingReport.init)
            throw .invalidConfiguration(invalid)
        }
        return parsed.configuration
    }

    /// The least changes that turn the stored entities, by rising key, into a configuration.
    static func draft(
        from entities: [StoredEntity],
        to written: WrittenConfiguration
    ) async -> ChangelogDraft {
        guard !entities.isEmpty else {
            let details = written.details
            async let claims = PreparedIndex.Claims(of: details)
            let references = PreparedIndex.References(of: details)
            let index = PreparedIndex(await claims, references)
            return ChangelogDraft(creating: PreparedChanges(details, index: index))
        }
        return Self.difference(from: entities, to: written)
    }

    private static func difference(
        from entities: [StoredEntity],
        to written: WrittenConfiguration
    ) -> ChangelogDraft {
        var stored = entities[...]
        var changes: [String: [UInt8]?] = [:]
        changes.reserveCapacity(written.parsed.rows.count)
        var unchanged: Set<Int> = []
        for (place, row) in written.parsed.rows.enumerated() {
            let entity = row.stored
            while let old = stored.first, old.key < entity.key {
                changes.updateValue(nil, forKey: old.key)
                stored = stored.dropFirst()
            }
            if let old = stored.first, old.key == entity.key {
                stored = stored.dropFirst()
                if Self.isSame(entity, as: old) {
                    unchanged.insert(place)
                    continue
                }
            }
            changes[entity.key] = entity.body
        }
        for old in stored { changes.updateValue(nil, forKey: old.key) }
        var draft = ChangelogDraft(changes: changes)
        draft.prepare(
            with: unchanged.isEmpty
                ? written.details
                : written.details.indices.filter { !unchanged.contains($0) }
                    .map { written.details[$0] }
        )
        return draft
    }

    /// Whether an entity says nothing new; a file rarely tells times, and that alone is nothing.
    private static func isSame(_ entity: StoredEntity, as old: StoredEntity) -> Bool {
        if entity.body == old.body { return true }
        guard let kind = EntityKind(rawValue: String(entity.key.prefix { $0 != "/" })),
            let document = try? JSONText.parse(entity.body).value,
            let before = try? JSONText.parse(old.body).value
        else { return false }
        return EntityTimes.stamped(document, kind, over: before, at: 0).canonicalJSON == old.body
    }
}

extension Submission {
    /// What it says, checked.
    fileprivate func declaration(
        _ options: DeclarationOptions
    ) throws(DeclarativeError) -> ParsedDeclaration {
        if let document = self.document {
            return try DeclarativeFile.read(document, name: self.name, options: options)
        }
        return try DeclarativeFile.parse(self.text, name: self.name, options: options)
    }
}

extension ClusterConfigurationState {
    /// What the entities say; empty when they cannot be read.
    fileprivate var configuration: GatewayConfiguration {
        var parsed = ParsedEntities()
        try? parsed.update(to: self.entities)
        return parsed.configuration
    }
}
