public import MeshPrimitives

/// A state to be compiled, with the addresses that are known now.
public struct ConfigurationBuild: Equatable, Sendable {
    /// Rises with every build of this node.
    public let revision: UInt64
    /// What is to be compiled.
    public let state: RoutedState
    /// By host name.
    public let addresses: [String: [HostAddress]]
}

/// What the compiler found out about a state.
public struct CompiledFacts: Equatable, Sendable {
    /// Host names whose addresses its targets need.
    public var hosts: Set<String>
    /// Of its entities, as ``FirstFile/Content``.
    public var fingerprint: UInt64

    /// Creates the facts.
    public init(hosts: Set<String>, fingerprint: UInt64) {
        self.hosts = hosts
        self.fingerprint = fingerprint
    }
}

/// Brings the newest configuration that this node can use into use, and says how it stands.
///
/// Pure: compiles nothing, looks up nothing, reads no clock. The shell carries out effects and brings
/// the results, in any order, late or twice.
///
///     newest state ──compile──> install ──> active, its names are looked up
///           ^           └─────────┴─ refused: the last good one stays, until the state changes
///           └── one at a time; what arrives meanwhile replaces what waits
///
/// A revision is compiled and installed whole or not at all, and only in rising order, so an older
/// one can never follow a newer one. Names are looked up only for what is active: they never delay
/// an activation.
public struct ConfigurationMachine: Sendable {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Answer with ``compiled(_:_:at:)`` or ``refused(_:reason:at:)``.
        case compile(ConfigurationBuild)
        /// Let the data plane use it; answer with ``installed(_:at:)`` or ``refused(_:reason:at:)``.
        case install(revision: UInt64)
        /// Answer with ``resolved(_:_:at:)``.
        case resolve(ResolutionTable.Lookup)
        /// Write the file's entities; answer with ``fileApplied(at:)`` or
        /// ``fileFailed(reason:isFinal:at:)``.
        case applyFile
        /// Publish how the node stands.
        case tell(ConfigurationStanding)
        case event(ConfigurationEvent)
        /// Call ``wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }

    /// How the node is set up.
    public struct Setup: Sendable {
        /// The `config:` file.
        public var file = FirstFile.Content.none
        /// Whether it joins a mesh that may have a configuration.
        public var hasSeeds = false
        /// How long the mesh is waited for before the file is applied.
        public var patience = FirstFile.Patience()
        /// How host names are looked up.
        public var resolution = ResolutionSettings()
        /// For tests of the simulation only: what the machine does wrong.
        package var flaw: ConfigurationFlaw?

        /// Creates the setup of a node without a file and without seeds.
        public init() {}
    }

    private enum Work {
        case idle
        case compiling(Order)
        case installing(Order, CompiledFacts)
    }

    /// A build and what it is for.
    private struct Order {
        let build: ConfigurationBuild
        /// Of the state.
        let number: UInt64
        /// Of the addresses.
        let addressVersion: UInt64
        let isForAddresses: Bool
    }

    private let flaw: ConfigurationFlaw?
    private let hasSeeds: Bool
    private var file: FirstFile
    private var names: ResolutionTable
    private var revision: UInt64 = 0
    private var newest: (number: UInt64, state: RoutedState)?
    private var active: (order: Order, facts: CompiledFacts)?
    private var work = Work.idle
    /// Number of the last state that was tried.
    private var tried: UInt64 = 0
    private var standing = ConfigurationStanding()
    private var told: ConfigurationStanding?
    private var alarm: MonotonicInstant?
    private var hasComparedFile = false
    private var fileReason: String?

    /// Numbers states as they arrive.
    public private(set) var stateNumber: UInt64 = 0
    /// Every state up to this number is in use, refused, or replaced by a later one that is.
    public private(set) var settledNumber: UInt64 = 0

    /// Creates the machine of a node that has not read its disk yet.
    public init(_ setup: Setup, at now: MonotonicInstant) {
        self.flaw = setup.flaw
        self.names = ResolutionTable(settings: setup.resolution)
        self.file = FirstFile(
            setup.file,
            hasSeeds: setup.hasSeeds,
            patience: setup.patience,
            at: now
        )
        self.hasSeeds = setup.hasSeeds
    }

    /// Whether a seed has answered.
    public var hasJoined: Bool { self.file.hasJoined }

    /// The state that came last; `nil` before the first.
    public var newestHead: RoutedState.Head? { self.newest?.state.head }

    /// How the node stands now.
    public var current: ConfigurationStanding { self.standing }

    /// Takes in the state that the store holds now.
    public mutating func receive(
        _ state: RoutedState,
        at now: MonotonicInstant
    ) -> [Effect] {
        let isNew = self.newest?.state.head.hash != state.head.hash
        if isNew {
            // What waits to be compiled is replaced, and its changes count for its successor.
            let waiting = self.newest.flatMap { $0.number > self.tried ? $0.state : nil }
            self.stateNumber += 1
            self.newest = (self.stateNumber, waiting == nil ? state : state.following(waiting))
        } else if let newest = self.newest, newest.state.head != state.head {
            // Another way to the same entities: only what is shown changes.
            self.newest = (newest.number, state)
            if self.standing.active?.hash == state.head.hash { self.standing.active = state.head }
        }
        if !state.isEmpty { self.file.end() }
        if isNew, state.isEmpty, self.active == nil, self.isIdle {
            // Nothing to activate: nobody has written yet.
            self.tried = self.stateNumber
            self.settledNumber = self.stateNumber
            self.standing.refusal = nil
        }
        return self.proceed(at: now)
    }

    /// A seed has answered: the mesh is joined.
    public mutating func joined(at now: MonotonicInstant) -> [Effect] {
        self.file.join(at: now)
        return self.proceed(at: now)
    }

    /// Takes in that a build is ready.
    public mutating func compiled(
        _ revision: UInt64,
        _ facts: CompiledFacts,
        at now: MonotonicInstant
    ) -> [Effect] {
        if self.flaw == .takesStaleResults { return [.install(revision: revision)] }
        guard case .compiling(let order) = self.work, order.build.revision == revision else {
            return []
        }
        self.work = .installing(order, facts)
        return [.install(revision: revision)]
    }

    /// Takes in that the data plane uses a build.
    public mutating func installed(_ revision: UInt64, at now: MonotonicInstant) -> [Effect] {
        guard case .installing(let order, let facts) = self.work, order.build.revision == revision
        else { return [] }
        self.work = .idle
        let before = self.standing
        self.active = (order, facts)
        self.standing.active = order.build.state.head
        self.standing.hasEntities = !order.build.state.isEmpty
        self.settledNumber = max(self.settledNumber, order.number)
        if !order.isForAddresses { self.standing.refusal = nil }
        if let newest = self.newest, newest.number == order.number {
            self.standing.active = newest.state.head
        }
        var effects: [Effect] = []
        if self.standing.active != before.active, let head = self.standing.active {
            effects.append(.event(.activated(head)))
        }
        effects += self.compareFile(facts)
        if !order.isForAddresses { self.names.setHosts(facts.hosts, at: now) }
        return effects + self.proceed(at: now)
    }

    /// Takes in that a build could not be compiled or installed; what was in use still is.
    public mutating func refused(
        _ revision: UInt64,
        reason: String,
        at now: MonotonicInstant
    ) -> [Effect] {
        let order: Order
        switch self.work {
        case .compiling(let running) where running.build.revision == revision: order = running
        case .installing(let running, _) where running.build.revision == revision: order = running
        case .idle, .compiling, .installing: return []
        }
        self.work = .idle
        guard !order.isForAddresses else {
            // The addresses before stay in use until they change again.
            self.active?.order = order
            return [.event(.addressesRefused(reason: reason))] + self.proceed(at: now)
        }
        self.settledNumber = max(self.settledNumber, order.number)
        let refusal = ConfigurationStanding.Refusal(
            head: order.build.state.head,
            reason: reason
        )
        self.standing.refusal = refusal
        if self.flaw == .forgetsLastGood { self.standing.active = nil }
        return [.event(.refused(refusal))] + self.proceed(at: now)
    }

    /// Takes in how a look-up ended.
    public mutating func resolved(
        _ lookup: ResolutionTable.Lookup,
        _ outcome: ResolutionTable.Outcome,
        at now: MonotonicInstant
    ) -> [Effect] {
        let wasFailing = self.names.isFailing(lookup.host)
        let change = self.names.receive(outcome, of: lookup, at: now)
        var effects: [Effect] = []
        if case .lost(let reason) = change {
            effects.append(.event(.unresolved(host: lookup.host, reason: reason)))
        } else if wasFailing, !self.names.isFailing(lookup.host) {
            effects.append(.event(.resolvedAgain(host: lookup.host)))
        }
        return effects + self.proceed(at: now)
    }

    /// The file was read.
    public mutating func fileRead(fingerprint: UInt64, at now: MonotonicInstant) -> [Effect] {
        self.file.read(fingerprint: fingerprint)
        return (self.active.map { self.compareFile($0.facts) } ?? []) + self.proceed(at: now)
    }

    /// The file was applied, and what it says is in use; one without entities changes nothing.
    public mutating func fileApplied(at now: MonotonicInstant) -> [Effect] {
        self.file.end()
        return self.proceed(at: now)
    }

    /// The file could not be read or written; it is tried again unless that is final.
    public mutating func fileFailed(
        reason: String,
        isFinal: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.fileReason = reason
        if isFinal { self.file.end() } else { self.file.fail(at: now) }
        return [.event(.fileRefused(reason: reason))] + self.proceed(at: now)
    }

    /// Does what time brings; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        if let alarm = self.alarm, alarm <= now { self.alarm = nil }
        let lost = self.names.wake(at: now)
        return lost.map { .event(.unresolved(host: $0.host, reason: $0.reason)) }
            + self.proceed(at: now)
    }
}

extension ConfigurationMachine {
    private var isIdle: Bool {
        if case .idle = self.work { true } else { false }
    }

    /// Begins whatever can be begun, and says what has changed.
    private mutating func proceed(at now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        if let build = self.nextBuild() { effects.append(.compile(build)) }
        if let newest = self.newest, newest.state.isEmpty, self.active == nil,
            self.isIdle, self.file.isDue(at: now)
        {
            effects.append(.applyFile)
        }
        effects += self.names.begin(at: now).map { .resolve($0) }
        effects += self.tellChange(at: now)
        let grace = self.active == nil ? self.file.graceEnd(after: now) : nil
        let wakes = [self.names.nextWake, grace]
        if let next = wakes.compactMap(\.self).min(), self.alarm.map({ next < $0 }) ?? true {
            self.alarm = next
            effects.append(.wake(at: next))
        }
        return effects
    }

    /// The newest state when it was not tried yet, else the active one when addresses have changed.
    private mutating func nextBuild() -> ConfigurationBuild? {
        guard self.isIdle || self.flaw == .compilesManyAtOnce else {
            if self.flaw == .forgetsWhatWaits { self.tried = self.stateNumber }
            return nil
        }
        if let newest = self.newest, newest.number > self.tried {
            self.tried = newest.number
            return self.begin(newest.state, newest.number, isForAddresses: false)
        }
        guard let order = self.active?.order, order.addressVersion < self.names.version else {
            return nil
        }
        return self.begin(order.build.state, order.number, isForAddresses: true)
    }

    private mutating func begin(
        _ state: RoutedState,
        _ number: UInt64,
        isForAddresses: Bool
    ) -> ConfigurationBuild {
        self.revision += 1
        let build = ConfigurationBuild(
            revision: self.revision,
            state: state,
            addresses: self.names.addresses
        )
        self.work = .compiling(
            Order(
                build: build,
                number: number,
                addressVersion: self.names.version,
                isForAddresses: isForAddresses
            )
        )
        return build
    }

    private mutating func tellChange(at now: MonotonicInstant) -> [Effect] {
        var standing = self.standing
        standing.waiting = self.waiting(at: now)
        if self.flaw == .readyBeforeActivation, let newest = self.newest {
            standing.active = newest.state.head
            standing.hasEntities = !newest.state.isEmpty
        }
        guard standing != self.told else { return [] }
        self.standing = standing
        self.told = standing
        return [.tell(standing)]
    }

    /// What a node with nothing to route by waits for.
    private func waiting(at now: MonotonicInstant) -> ConfigurationStanding.Waiting? {
        guard self.active == nil else { return nil }
        guard let newest = self.newest else { return .disk }
        if !newest.state.isEmpty, self.standing.refusal == nil { return .activation }
        if let reason = self.fileReason { return .file(reason: reason) }
        guard self.hasSeeds else { return self.file.isOpen ? .ownFile : .operator }
        guard self.file.hasJoined else { return .seeds }
        return self.file.mayArrive(at: now) ? .mesh : .meshOperator
    }

    private mutating func compareFile(_ facts: CompiledFacts) -> [Effect] {
        guard case .usable(let fingerprint) = self.file.content else { return [] }
        self.standing.differsFromFile = fingerprint != facts.fingerprint
        defer { self.hasComparedFile = true }
        guard !self.hasComparedFile, self.standing.differsFromFile,
            let head = self.standing.active
        else { return [] }
        return [.event(.fileDiffers(head))]
    }
}
