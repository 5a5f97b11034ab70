public import MeshDashboard
public import MeshEntities
public import MeshReports

/// What the Admin API needs from the node behind it.
///
/// The node answers from what it believes now and waits for no peer, but where it says so; only ``apply(_:)``,
/// ``edit(_:upon:author:message:)`` and ``setMode(_:of:author:)`` write, and return when the write is
/// durable.
public protocol AdminNode: Sendable {
    /// Who the node is; does not change while it runs.
    var identity: NodeIdentity { get }

    /// Every entity it holds, with the version.
    func held() async -> HeldEntities
    /// Every entity of a version that it has just taken in, each list by rising id; the newest when that
    /// is not what it routes by.
    func configuration(_ version: ConfigurationVersion) async -> GatewayConfiguration
    /// Checks an entity, alone in its configuration, for what its fields alone cannot show, and
    /// fills in what follows from it.
    ///
    /// - Returns: what is wrong, placed at `kind[0]`.
    func examine(_ configuration: inout GatewayConfiguration) -> [Finding]
    /// Writes single entities, all or none, durably here, then gossiped.
    ///
    /// - Parameters:
    ///   - changes: checked against ``held()``.
    ///   - held: what they were checked against. Somebody else's change of one of these entities, or
    ///     one after which these changes would break a rule, makes them stale; others do not.
    ///   - author: who asked.
    ///   - message: why, in the operator's words.
    /// - Returns: who holds it.
    /// - Throws: ``AdminError/stale(held:)`` when something else was written meanwhile, or another
    ///   ``AdminError``; nothing has changed then.
    func edit(
        _ changes: [EntityChange],
        upon held: HeldEntities,
        author: String,
        message: String
    ) async throws(AdminError) -> EditReceipt
    /// Takes an operator's word for the health of a target, until evidence says otherwise.
    ///
    /// - Throws: ``AdminError/refused(_:)`` when no such address is balanced.
    func mark(_ mark: TargetMark) async throws(AdminError)
    /// An answer that this node, or else another one, keeps for `proxy-cache` under a key, in Kong's
    /// form; nil for none.
    func cachedAnswer(_ key: String) async -> DocumentValue?
    /// Lets every live node forget such an answer.
    func forgetCachedAnswer(_ key: String) async -> CachePurge
    /// Lets every live node forget all such answers.
    func forgetCachedAnswers() async -> CachePurge
    /// The least level that is logged.
    func logLevel() async -> String
    /// Changes the least level that is logged; it goes back after a while.
    func setLogLevel(_ level: String, for seconds: Int) async
    /// Stamp and hash of that configuration.
    func configurationVersion() async -> ConfigurationVersion
    /// The canonical declarative file of that configuration.
    func declarativeText() async -> String
    /// Its settings by dotted path, without secrets; `configuration` of Kong's `/`.
    func settings() async -> DocumentValue
    /// The counters of Kong's `/status`.
    func traffic() async -> TrafficCounts

    /// All members, as it believes them.
    func members() async -> MembersReport
    /// All regions, as it believes them.
    func regions() async -> RegionsReport
    /// Targets of all upstreams, or of the one with this id or name, with everybody's evidence.
    func health(of upstream: String?) async -> HealthReport
    /// Which configuration every member runs, and whether that includes the changeset named; empty
    /// names none.
    func configurationStatus(including changeset: String) async -> ConfigurationStatusReport
    /// One screen about the node and the mesh.
    func status() async -> StatusReport
    /// Prometheus text, made by ``MetricsText``.
    func metrics() async -> String
    /// Whether it takes traffic.
    func readiness() async -> Readiness

    /// Reads and checks a text without applying it.
    func validate(_ submission: Submission) async -> ValidationReport
    /// Compares a text with what the node holds.
    ///
    /// - Throws: ``AdminError/invalidConfiguration(_:)``; nothing has changed.
    func difference(_ submission: Submission) async throws(AdminError) -> DifferenceReport
    /// Replaces the whole configuration by a text's, durably here, then gossiped.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func apply(_ submission: Submission) async throws(AdminError) -> ApplyReport

    /// The newest changesets, newest first.
    func history(last count: Int) async -> HistoryReport
    /// One changeset by its id or generation, with all that it changed.
    ///
    /// - Throws: ``AdminError/unknownChangeset(_:)`` or ``AdminError/refused(_:)``.
    func changeset(_ name: String) async throws(AdminError) -> ChangesetDetailReport
    /// What turns the configuration named `old` into the one named `new`; empty names the newest.
    ///
    /// - Throws: ``AdminError/unknownChangeset(_:)`` or ``AdminError/refused(_:)``.
    func difference(
        from old: String,
        to new: String
    ) async throws(AdminError) -> DifferenceReport
    /// Writes a changeset that brings the configuration named `place` back.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func rollBack(
        to place: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport
    /// The roll-out that there is, or was last; `nil` when there was none.
    func rollOut() async -> RollOutReport?
    /// Pauses, resumes or takes back the roll-out that is open.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func perform(_ action: RollOutAction, author: String) async throws(AdminError)
    /// Changes that met others which their writers had not seen, newest first.
    func conflicts() async -> ConflictsReport
    /// Writes what did not stand in a conflict over what stood.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func applyLoser(
        of conflict: String,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport
    /// All that has to be kept to bring the mesh back.
    ///
    /// - Parameter withKeys: whether the key ring is in it, with which anybody is a member.
    /// - Returns: changelog, members and, when asked for, keys.
    /// - Throws: ``AdminError``.
    func backup(withKeys: Bool) async throws(AdminError) -> BackupReport
    /// Takes a backup over into a mesh without configuration, or replaces the configuration by the
    /// backup's, as one changeset.
    ///
    /// - Throws: ``AdminError``; nothing has changed.
    func restore(
        _ backup: BackupReport,
        replacing: Bool,
        _ restoration: Restoration
    ) async throws(AdminError) -> ApplyReport

    /// Writes what is wanted of the member with this name or id; it acts when that reaches it.
    ///
    /// - Parameters:
    ///   - mode: what is wanted.
    ///   - node: a member's name or id.
    ///   - author: who asked.
    /// - Returns: what the member did before.
    /// - Throws: ``AdminError/unknownNode(_:)`` or ``AdminError/refused(_:)``.
    func setMode(
        _ mode: MemberReport.Mode,
        of node: String,
        author: String
    ) async throws(AdminError) -> DrainReport

    /// Declares a member gone that failed, or takes one that is gone off the list, at all nodes.
    ///
    /// - Parameters:
    ///   - node: its name or id.
    ///   - forgetting: whether it shall go off the list.
    /// - Returns: whom it concerned.
    /// - Throws: ``AdminError/unknownNode(_:)``, or ``AdminError/refused(_:)`` for one that is there.
    func dismiss(
        _ node: String,
        forgetting: Bool
    ) async throws(AdminError) -> DismissalReport

    /// Tries UDP and TCP to every member now; takes some seconds where ways are cut.
    func reachability() async -> ReachabilityReport
    /// The round trip between two members: measured where this node is one of them, else estimated.
    ///
    /// - Throws: ``AdminError/unknownNode(_:)``.
    func roundTrip(
        from one: String,
        to other: String
    ) async throws(AdminError) -> RoundTripReport
    /// The keys of the ring, and who holds which.
    func keys() async -> KeysReport
    /// Takes one step of a change of keys, at all nodes.
    ///
    /// - Parameters:
    ///   - step: which one.
    ///   - isForced: whether members that are away may be cut off by it.
    /// - Returns: the keys after it; others take it within seconds.
    /// - Throws: ``AdminError/refused(_:)`` when it would cut somebody off or makes no sense.
    func rotateKeys(_ step: KeyStep, isForced: Bool) async throws(AdminError) -> KeysReport

    /// Writes what is wanted of a region, and tells what it means.
    ///
    /// - Throws: ``AdminError/refused(_:)``; nothing has changed.
    func order(_ request: RegionOrderRequest) async throws(AdminError) -> RegionOrderReport
    /// Writes what is wanted of a target.
    ///
    /// - Throws: ``AdminError/refused(_:)``; nothing has changed.
    func order(_ request: TargetOrderRequest) async throws(AdminError) -> TargetOrderReport
    /// How requests are shared out: of the upstream with this name or id, or of a service's.
    func balance(of name: String) async -> BalancesReport
    /// How a service, upstream or target stands and how it came to that.
    func why(_ subject: String) async -> WhyReport

    /// The newest upgrade of the fleet, as this node holds it; `nil` before the first.
    func upgrade() async -> UpgradeReport?
    /// Writes how an upgrade stands; its revision is one more than that of the one it replaces.
    ///
    /// - Throws: ``AdminError/refused(_:)`` when somebody else has written meanwhile, or another
    ///   ``AdminError``; nothing has changed then.
    func setUpgrade(_ upgrade: UpgradeReport) async throws(AdminError)

    /// What it remembers of requests that it has served.
    func requests(_ query: RequestQuery) async -> RequestsReport
    /// What all nodes remember of the request with this id, or of those with this correlation id; asks
    /// them through the mesh, 3 s at most.
    func trace(_ id: String) async -> TraceReport
    /// What another node shows under a path, asked through the mesh.
    ///
    /// - Parameters:
    ///   - path: one of ``PeerPaths``, with query.
    ///   - node: its name or id.
    /// - Returns: status and body.
    /// - Throws: ``AdminError/unknownNode(_:)``, or ``AdminError/failed(_:)`` when it does not answer.
    func ask(_ path: String, of node: String) async throws(AdminError) -> (Int, [UInt8])

    /// Which protocol versions the members speak, and which one the fleet was finalized at.
    func protocolVersions() async -> ProtocolReport
    /// Finalizes the fleet at the newest version that this node speaks; does nothing when it was.
    ///
    /// - Parameter author: who asked.
    /// - Returns: how it stands then.
    /// - Throws: ``AdminError/refused(_:)`` while a member speaks less or an upgrade is open, or another
    ///   ``AdminError``; nothing has changed then.
    func finalizeProtocol(author: String) async throws(AdminError) -> ProtocolReport

    /// Events after the one with this id as far as they are kept, then new ones as they happen.
    ///
    /// `nil` begins with new events. The stream ends when the node stops; it drops the oldest
    /// events of a reader that is too slow.
    func events(after id: UInt64?) async -> AsyncStream<EventReport>

    /// What the dashboard shows, as it is now, or what has changed of it after a mark.
    func board(after mark: String?) async -> BoardChange
    /// The same, and then whatever changes; ends when the node stops.
    func boardChanges(after mark: String?) async -> AsyncStream<BoardChange>
}
