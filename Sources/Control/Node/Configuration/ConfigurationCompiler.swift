import Dispatch
import MeshActivation
import MeshDataPlane
import MeshEntities
import MeshPrimitives
import Synchronization

/// Compiles and installs builds, one at a time, on a thread of its own: neither a worker nor the
/// machine waits for it.
final class ConfigurationCompiler: Sendable {
    /// A build that can be installed, or is.
    struct Compiled: Sendable {
        let revision: UInt64
        let configuration: GatewayConfiguration
        let snapshot: Snapshot
    }

    private struct State {
        var parsed = ParsedEntities()
        /// Hash of the state that ``parsed`` holds and that was found valid.
        var valid: ContentHash?
        var compiled: Compiled?
        /// Made for a configuration that may soon be stored.
        var trial: Snapshot?
        /// As what it will be stored.
        var written: WrittenConfiguration?
        /// Of the last build.
        var addresses = HostAddresses()
        /// What was read on the way into the store.
        let readings: EntityReadings
        private var hasReadMany = false
        /// What ``hosts(of:)`` answered last, and for what.
        private var named: (configuration: GatewayConfiguration, hosts: Set<String>)?

        init(readings: EntityReadings) { self.readings = readings }

        /// Reads and checks what a state changes.
        ///
        /// - Throws: ``StoredEntityError`` or `EntityErrors`; the next state is read whole then.
        mutating func read(_ state: RoutedState) throws {
            guard self.valid != state.head.hash else { return }
            let known = self.valid
            self.valid = nil
            defer { self.written = nil }
            let readings = self.readings.take()
            let findings: [Finding]
            if let written = self.written, written.hash == state.head.hash,
                self.parsed.rows.isEmpty
            {
                // Whoever expects it has checked it.
                self.parsed = written.parsed
                self.hasReadMany = true
                findings = []
            } else if let changes = state.changes, changes.base == known,
                let touched = try self.parsed.update(by: changes.bodies)
            {
                findings = self.parsed.configuration.findings(touching: touched)
            } else {
                let entities = state.entities
                let others = [self.written?.parsed, readings].compactMap(\.self)
                try self.parsed.update(to: entities, others: others)
                findings = self.parsed.configuration.findings()
                self.hasReadMany = entities.count >= ReadingMemory.manyEntities
            }
            guard findings.isEmpty else { throw EntityErrors(findings) }
            self.valid = state.head.hash
        }

        /// Whether much was read anew since this was asked last.
        mutating func takeWholeReading() -> Bool {
            defer { self.hasReadMany = false }
            return self.hasReadMany
        }

        /// The configuration's host names; costs nothing when no service, upstream or target changed.
        mutating func hosts(of configuration: GatewayConfiguration) -> Set<String> {
            if let (old, hosts) = self.named, old.targets == configuration.targets,
                old.services == configuration.services, old.upstreams == configuration.upstreams
            {
                return hosts
            }
            let hosts = configuration.hostNames
            self.named = (configuration, hosts)
            return hosts
        }
    }

    private let queue = DispatchQueue(label: "meshgate.configuration")
    private let state: Mutex<State>
    private let region: String
    /// How routes are ordered and what they may be written in.
    let flavor: RouterFlavor
    private let use: @Sendable (Compiled) throws -> Void

    /// - Parameters:
    ///   - region: the node's own.
    ///   - flavor: how routes are ordered and what they may be written in.
    ///   - readings: where entities may lie that were read on the way into the store.
    ///   - use: brings a snapshot into use; called on the compiler's thread.
    init(
        region: String,
        flavor: RouterFlavor = .traditionalCompatible,
        readings: EntityReadings = EntityReadings(),
        use: @escaping @Sendable (Compiled) throws -> Void
    ) {
        self.state = Mutex(State(readings: readings))
        self.region = region
        self.flavor = flavor
        self.use = use
    }

    /// Reads, checks and compiles a state as a whole, and tells what came of it.
    func compile(
        _ build: ConfigurationBuild,
        then answer: @escaping @Sendable (Result<CompiledFacts, any Error>) -> Void
    ) {
        self.queue.async {
            answer(Result { try self.state.withLock { try self.compile(build, in: &$0) } })
        }
    }

    /// Brings the build compiled last into use, and tells whether that could be done.
    func install(
        _ revision: UInt64,
        then answer: @escaping @Sendable (Result<Compiled, any Error>) -> Void
    ) {
        self.queue.async {
            answer(
                Result {
                    let compiled = self.state.withLock { $0.compiled }
                    guard let compiled, compiled.revision == revision else {
                        throw NotCompiled(revision: revision)
                    }
                    try self.use(compiled)
                    if self.state.withLock({ $0.takeWholeReading() }) { ReadingMemory.end() }
                    return compiled
                }
            )
        }
    }

    /// Compiles a configuration that is not stored yet, to see whether it can be.
    ///
    /// What of it is as it is in use costs nothing, and when it is stored, neither does the rest.
    func check(_ configuration: GatewayConfiguration) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            self.queue.async {
                done.resume(
                    with: Result {
                        try self.state.withLock { state in
                            state.trial = try Snapshot(
                                configuration: configuration,
                                addresses: state.addresses,
                                localRegion: self.region,
                                version: 0,
                                flavor: self.flavor,
                                reusing: state.compiled?.snapshot,
                                variable: NodeEnvironment.variable
                            )
                        }
                    }
                )
            }
        }
    }

    /// Says as what a checked configuration is about to be stored, so that it is not read again.
    func expect(_ written: WrittenConfiguration) {
        self.queue.async { self.state.withLock { $0.written = written } }
    }

    /// Says that all that was made to write a configuration is done with but for the answer.
    func wrote(_ configuration: WrittenConfiguration) {
        if configuration.details.count >= ReadingMemory.manyEntities { ReadingMemory.end() }
    }

    /// Runs `body` on the compiler's thread.
    func perform(_ body: @escaping @Sendable () -> Void) { self.queue.async(execute: body) }

    private func compile(
        _ build: ConfigurationBuild,
        in state: inout State
    ) throws -> CompiledFacts {
        try state.read(build.state)
        let configuration = state.parsed.configuration
        let snapshot = try Snapshot(
            configuration: configuration,
            addresses: HostAddresses(build.addresses),
            localRegion: self.region,
            version: build.revision,
            flavor: self.flavor,
            reusing: state.trial ?? state.compiled?.snapshot,
            variable: NodeEnvironment.variable
        )
        state.trial = nil
        state.addresses = HostAddresses(build.addresses)
        state.compiled = Compiled(
            revision: build.revision,
            configuration: configuration,
            snapshot: snapshot
        )
        return CompiledFacts(
            hosts: state.hosts(of: configuration),
            fingerprint: state.parsed.fingerprint
        )
    }
}

/// An installation was asked for that no compilation came before: a fault of this software.
private struct NotCompiled: Error, CustomStringConvertible {
    let revision: UInt64
    var description: String { "revision \(self.revision) was not compiled" }
}

extension GatewayConfiguration {
    /// Host names, not addresses, that have to be resolved: of targets, and of services whose host
    /// names no upstream.
    fileprivate var hostNames: Set<String> {
        let upstreams = Set(self.upstreams.map(\.name))
        var hosts: Set<String> = []
        for target in self.targets where IPAddress(target.host) == nil { hosts.insert(target.host) }
        for service in self.services
        where !upstreams.contains(service.host) && IPAddress(service.host) == nil {
            hosts.insert(service.host)
        }
        return hosts
    }
}
