import Foundation
import Logging
import MeshActivation
import MeshAdmin
import MeshChangelog
import MeshDataPlane
import MeshDeclarative
import MeshEntities
import MeshPrimitives
import MeshReports
import MeshResolver
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Carries out what the configuration machine decides, and turns an operator's text into a changeset.
///
/// One consumer takes inputs in order and carries out all effects of one before it takes the next.
final class ConfigurationService: ServiceLifecycle.Service {
    /// How often the store is read although nobody said that it has changed: 1 s.
    private static let period = Duration.seconds(1)
    /// The longest rest after an activation: 500 ms.
    private static let restMaximum = Duration.milliseconds(500)
    /// How many findings of a refused file the node's readiness names: 3.
    private static let shownFindings = 3

    /// Why a configuration that has killed the node is not in use.
    private static let skippedReason =
        "the node died twice while it activated this, so it is skipped; roll it back, or upgrade "
        + "this node, which tries again"

    private enum Input: Sendable {
        /// The store, or the members, may have changed.
        case changed
        /// Resume when everything that is written by now is in use or refused.
        case settle(CheckedContinuation<Void, Never>)
        case compiled(UInt64, CompiledFacts)
        case installed(ConfigurationCompiler.Compiled)
        case refused(UInt64, reason: String)
        case resolved(ResolutionTable.Lookup, ResolutionTable.Outcome)
        case fileRead(fingerprint: UInt64)
        case fileApplied
        case fileFailed(reason: String, isFinal: Bool)
        case wake
    }

    private struct State {
        var machine: ConfigurationMachine
        var running = Running()
        var waiting: [(number: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var isApplying = false
        /// The `config:` file as it was read, until it is applied or something else is activated.
        var readFile: ReadFile?
        var isChangeKnown = false
        /// When the activation that is under way began.
        var activationBegan: MonotonicInstant?
        /// Changes that nobody waits for are not looked at before.
        var restUntil: MonotonicInstant?
    }

    /// A text that was read, and what it would be stored as.
    struct ReadFile {
        let declaration: ParsedDeclaration
        let written: WrittenConfiguration
    }

    /// What the node routes by, and how it stands.
    struct Running: Sendable {
        var configuration = GatewayConfiguration.empty
        var standing = ConfigurationStanding()
        /// Whether it serves a configuration that was activated.
        var hasConfiguration: Bool { self.standing.isReady }
    }

    let cluster: ClusterService
    private let source: ConfigurationSource
    let compiler: ConfigurationCompiler
    private let resolver = HostResolver()
    private let journal: ActivationJournal
    private let file: (name: String, text: String)?
    private let logger: Logger
    private let events: EventLog
    private let inbox: AsyncStream<Input>
    private let inlet: AsyncStream<Input>.Continuation
    /// Called with every change of how the node stands; must return quickly.
    private let onChange: @Sendable (ConfigurationStanding) -> Void
    private let state: Mutex<State>

    /// Creates the service of a node with a `config:` file, by name and text, or without one.
    ///
    /// With seeds the node joins a mesh that may have a configuration.
    init(
        cluster: ClusterService,
        source: ConfigurationSource,
        compiler: ConfigurationCompiler,
        journal: ActivationJournal,
        file: (name: String, text: String)?,
        hasSeeds: Bool,
        events: EventLog,
        logger: Logger,
        onChange: @escaping @Sendable (ConfigurationStanding) -> Void
    ) {
        self.cluster = cluster
        self.source = source
        self.compiler = compiler
        self.journal = journal
        self.file = file
        self.events = events
        self.logger = logger
        self.onChange = onChange
        (self.inbox, self.inlet) = AsyncStream.makeStream()
        var setup = ConfigurationMachine.Setup()
        setup.file = file == nil ? .none : .unread
        setup.hasSeeds = hasSeeds
        let machine = ConfigurationMachine(setup, at: NodeClock.now)
        self.state = Mutex(State(machine: machine))
    }

    /// What the node routes by now.
    var running: Running { get async { self.state.withLock { $0.running } } }

    /// Says that the store or the members may have changed; returns at once, changes in a row count
    /// once.
    func recordsChanged() {
        let isNews = self.state.withLock { state in
            defer { state.isChangeKnown = true }
            return !state.isChangeKnown
        }
        if isNews { self.inlet.yield(.changed) }
    }

    /// Runs until the node shuts down; begins with what the disk held.
    func run() async throws {
        self.readFile()
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        self.recordsChanged()
                        try? await Task.sleep(for: Self.period)
                    }
                }
                for await input in self.inbox {
                    if case .changed = input, let rest = self.rest() {
                        let inlet = self.inlet
                        group.addTask {
                            try? await Task.sleep(for: rest)
                            inlet.yield(.changed)
                        }
                        continue
                    }
                    for effect in await self.step(input) { self.perform(effect, in: &group) }
                    self.wakeWaiting()
                }
                self.journal.end()
                self.wakeWaiting(isEnd: true)
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.inlet.finish()
        }
    }

    /// Keeps others from writing the whole configuration until ``endWriting()``.
    ///
    /// - Throws: ``MeshAdmin/AdminError/busy`` when another one does.
    func beginWriting() throws(AdminError) {
        let isFree = self.state.withLock { state in
            defer { state.isApplying = true }
            return !state.isApplying
        }
        guard isFree else { throw .busy }
    }

    /// Lets others write the whole configuration again.
    func endWriting() { self.state.withLock { $0.isApplying = false } }

    /// Waits until this node routes by everything that is written so far, or has refused it.
    func settled() async {
        await withCheckedContinuation { continuation in
            if case .terminated = self.inlet.yield(.settle(continuation)) { continuation.resume() }
        }
    }

    /// How long a change that nobody waits for has to wait; `nil`: not at all.
    ///
    /// After an activation the node rests twice as long as it took, so that writes in a row to a large
    /// configuration cost a third of a processor; a change after a quiet while is activated at once.
    private func rest() -> Duration? {
        let now = NodeClock.now
        return self.state.withLock { state in
            state.restUntil.flatMap { $0 > now ? now.duration(to: $0) : nil }
        }
    }

    private func activationEnded(at now: MonotonicInstant) {
        self.journal.end()
        self.state.withLock { state in
            guard let began = state.activationBegan else { return }
            state.activationBegan = nil
            state.readFile = nil
            state.restUntil = now.advanced(
                by: min(began.duration(to: now) * 2, Self.restMaximum)
            )
        }
    }

    private func wakeWaiting(isEnd: Bool = false) {
        let ready = self.state.withLock { state in
            let settled = isEnd ? .max : state.machine.settledNumber
            let ready = state.waiting.filter { $0.number <= settled }
            state.waiting.removeAll { $0.number <= settled }
            return ready
        }
        for waiting in ready { waiting.continuation.resume() }
    }

    /// Steps the machine; performs nothing.
    private func step(_ input: Input) async -> [ConfigurationMachine.Effect] {
        let now = NodeClock.now
        switch input {
        case .changed: return await self.readStore()
        case .settle(let continuation):
            let effects = await self.readStore()
            self.state.withLock { state in
                state.waiting.append((state.machine.stateNumber, continuation))
            }
            return effects
        case .compiled(let revision, let facts):
            return self.state.withLock { $0.machine.compiled(revision, facts, at: now) }
        case .installed(let compiled):
            self.activationEnded(at: now)
            return self.state.withLock { state in
                state.running.configuration = compiled.configuration
                return state.machine.installed(compiled.revision, at: now)
            }
        case .refused(let revision, let reason):
            self.activationEnded(at: now)
            return self.state.withLock { $0.machine.refused(revision, reason: reason, at: now) }
        case .resolved(let lookup, let outcome):
            return self.state.withLock { $0.machine.resolved(lookup, outcome, at: now) }
        case .fileRead(let fingerprint):
            return self.state.withLock { $0.machine.fileRead(fingerprint: fingerprint, at: now) }
        case .fileApplied: return self.state.withLock { $0.machine.fileApplied(at: now) }
        case .fileFailed(let reason, let isFinal):
            return self.state.withLock {
                $0.machine.fileFailed(reason: reason, isFinal: isFinal, at: now)
            }
        case .wake: return self.state.withLock { $0.machine.wake(at: now) }
        }
    }

    /// Gives the machine what the store holds now.
    private func readStore() async -> [ConfigurationMachine.Effect] {
        self.state.withLock { $0.isChangeKnown = false }
        var effects: [ConfigurationMachine.Effect] = []
        if !self.state.withLock({ $0.machine.hasJoined }), await self.source.hasPeers() {
            effects = self.state.withLock { $0.machine.joined(at: NodeClock.now) }
        }
        let head = await self.source.head()
        guard self.state.withLock({ $0.machine.newestHead != head }) else { return effects }
        if self.journal.isSkipped(head.hash),
            self.state.withLock({ $0.running.standing.active == nil }),
            let earlier = await self.source.earlier({ self.journal.isSkipped($0) })
        {
            // Without anything to go on with, the newest that is not skipped comes first.
            guard self.state.withLock({ $0.machine.newestHead != earlier.head }) else {
                return effects
            }
            return effects + self.state.withLock { $0.machine.receive(earlier, at: NodeClock.now) }
        }
        let known = self.state.withLock { $0.machine.newestHead?.hash } ?? .zero
        let state = await self.source.state(known)
        return effects + self.state.withLock { $0.machine.receive(state, at: NodeClock.now) }
    }

    private func perform(
        _ effect: ConfigurationMachine.Effect,
        in group: inout DiscardingTaskGroup
    ) {
        let inlet = self.inlet
        switch effect {
        case .compile(let build):
            let hash = build.state.head.hash
            guard !self.journal.isSkipped(hash) else {
                inlet.yield(.refused(build.revision, reason: Self.skippedReason))
                return
            }
            self.journal.begin(hash)
            self.state.withLock { $0.activationBegan = NodeClock.now }
            self.compiler.compile(build) { result in
                switch result {
                case .success(let facts): inlet.yield(.compiled(build.revision, facts))
                case .failure(let error):
                    inlet.yield(.refused(build.revision, reason: "\(error)"))
                }
            }
        case .install(let revision):
            self.compiler.install(revision) { result in
                switch result {
                case .success(let compiled): inlet.yield(.installed(compiled))
                case .failure(let error): inlet.yield(.refused(revision, reason: "\(error)"))
                }
            }
        case .resolve(let lookup): group.addTask { await self.resolve(lookup) }
        case .applyFile: group.addTask { await self.applyFile() }
        case .tell(let standing):
            self.state.withLock { $0.running.standing = standing }
            self.onChange(standing)
        case .event(let event): self.tell(event)
        case .wake(let instant):
            group.addTask {
                try? await Task.sleep(for: NodeClock.now.duration(to: instant))
                inlet.yield(.wake)
            }
        }
    }

    private func resolve(_ lookup: ResolutionTable.Lookup) async {
        do {
            let found = try await self.resolver.services(of: lookup.host)
            let (addresses, life) = (found.addresses, found.timeToLive)
            self.inlet.yield(
                .resolved(
                    lookup,
                    found.isCertain
                        ? .found(addresses, timeToLive: life)
                        : .guessed(addresses, timeToLive: life)
                )
            )
        } catch {
            self.inlet.yield(.resolved(lookup, .failed("\(error)")))
        }
    }

    /// Reads the `config:` file on the compiler's thread, after what the disk held.
    private func readFile() {
        guard let file = self.file else { return }
        let inlet = self.inlet
        let options = self.declarationOptions
        self.compiler.perform {
            if file.text.utf8.count >= ReadingMemory.largeText { ReadingMemory.begin() }
            do throws(DeclarativeError) {
                let parsed = try DeclarativeFile.parse(
                    file.text,
                    name: file.name,
                    options: options
                )
                let written = WrittenConfiguration(parsed.configuration)
                self.state.withLock {
                    $0.readFile = ReadFile(declaration: parsed, written: written)
                }
                inlet.yield(.fileRead(fingerprint: written.parsed.fingerprint))
            } catch {
                // One line for each finding, as `meshctl config validate` prints them.
                let lines = "\(error)\n"
                try? FileHandle.standardError.write(contentsOf: Data(lines.utf8))
                let findings = lines.split(separator: "\n")
                let more = findings.count - Self.shownFindings
                let shown = findings.prefix(Self.shownFindings).joined(separator: "; ")
                let reason = more > 0 ? "\(shown) (and \(more) more, printed at the start)" : shown
                inlet.yield(.fileFailed(reason: reason, isFinal: true))
            }
        }
    }

    private func applyFile() async {
        guard let file = self.file else { return }
        var submission = Submission(text: file.text, name: file.name)
        submission.author = "config:"
        submission.message = "first configuration"
        do throws(AdminError) {
            let file = self.state.withLock { state in
                defer { state.readFile = nil }
                return state.readFile
            }
            let report = try await self.apply(submission, alreadyRead: file)
            self.logger.tell(
                .configFileApplied,
                "configuration applied",
                ["hash": "\(report.config.hash)"]
            )
            self.inlet.yield(.fileApplied)
        } catch {
            // What was read can be written; only the disk or another apply can be in the way.
            self.inlet.yield(.fileFailed(reason: "\(error)", isFinal: false))
        }
    }

    private func tell(_ event: ConfigurationEvent) {
        let notice = ConfigurationNotice(event, file: self.file?.name ?? "")
        self.events.add(.config, notice.type, subject: notice.subject, message: notice.message)
    }
}
