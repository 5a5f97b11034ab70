import Foundation
import Logging
import MeshActivation
import MeshChangelog
import MeshDataPlane
import MeshListening
import MeshMembership
import MeshReports
import MeshTransport
import ServiceLifecycle

/// Opens the node for traffic once it can serve: a configuration that was on its disk, or that the
/// `config:` file of a node without seeds is the first to bring, is in use before the first request is
/// taken, so that such a start answers none by "no route".
struct OpeningService: Service {
    /// How long a configuration may take before requests are taken all the same: 10 s.
    private static let patience = Duration.seconds(10)

    let dataPlane: DataPlane
    let cluster: ClusterService
    let configuration: ConfigurationService
    let listeners: ListenerSet
    let bound: BoundCount
    /// Opened when this process may speak in the mesh.
    let voice: Gate
    /// Opened when this process takes connections of the Admin side.
    let accepting: Gate
    let supervisor: Supervisor
    /// The taking over from the process before, if there is one.
    let predecessor: Succession?
    /// Lets a process after this one take over; runs once the node serves.
    let successor: SuccessionService
    let logger: Logger
    /// What is said on standard error when it serves.
    let welcome: String?
    /// What the log says of the node when it serves.
    let metadata: Logger.Metadata

    /// Opens the node, then runs until it shuts down or another process is the node.
    ///
    /// - Throws: ``MeshDataPlane/DataPlaneError`` when the proxy's addresses cannot be listened on,
    ///   ``Succession/Failure`` when the process before has taken the node back.
    func run() async throws {
        await cancelWhenGracefulShutdown { await self.awaitConfiguration() }
        guard !Task.isShuttingDownGracefully else { return }
        try self.dataPlane.start()
        guard await self.bound.all() else { return }
        try await self.predecessor?.speak()
        self.voice.open()
        guard await self.cluster.boundEndpoint() != nil else { return }
        try await self.predecessor?.serving()
        self.accepting.open()
        for place in self.listeners.closeUnclaimed() {
            self.logger.tell(
                .socketUnused,
                "an inherited socket is not used",
                ["socket": "\(place)"]
            )
        }
        var metadata = self.metadata
        metadata["proxy"] = "\(self.dataPlane.boundEndpoints)"
        self.logger.tell(.nodeServes, "node serves", metadata)
        if let welcome = self.welcome {
            try? FileHandle.standardError.write(contentsOf: Data(welcome.utf8))
        }
        self.supervisor.keep(self.listeners.lasting)
        self.supervisor.ready()
        try await withThrowingTaskGroup { group in
            group.addTask { await self.tellStatus() }
            try await self.successor.run()
            group.cancelAll()
        }
    }

    private func awaitConfiguration() async {
        let deadline = ContinuousClock.now.advanced(by: Self.patience)
        while ContinuousClock.now < deadline, !Task.isCancelled {
            let standing = await self.configuration.running.standing
            if standing.active != nil || standing.refusal != nil { return }
            switch standing.waiting {
            case nil, .disk, .activation, .ownFile: break
            case .operator, .seeds, .mesh, .meshOperator, .file: return
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Tells the supervisor in one line what the node does, when it changes.
    private func tellStatus() async {
        await cancelWhenGracefulShutdown {
            var told = ""
            while !Task.isCancelled {
                let standing = await self.configuration.running.standing
                let members = await self.cluster.members().count { $0.state == .alive }
                let configuration =
                    standing.active.map { "g\($0.generation) \("\($0.hash)".prefix(4))" }
                    ?? "no configuration"
                let text = "serves \(configuration), \(members) members alive"
                if text != told { self.supervisor.status(text) }
                told = text
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}

/// Something that others wait for, once.
final class Gate: Sendable {
    private let (stream, continuation) = AsyncStream.makeStream(of: Never.self)

    /// Lets go who waits, and whoever comes later.
    func open() { self.continuation.finish() }

    /// Waits until it is open, or the task is cancelled.
    func opened() async { for await _ in self.stream {} }
}

/// Takes part in the mesh once this process may: two processes never speak for one node.
struct VoiceService: Service {
    let cluster: ClusterService
    let gate: Gate

    /// Waits, then runs until the node shuts down.
    ///
    /// - Throws: ``MeshTransport/ClusterError`` when the gossip address cannot be bound.
    func run() async throws {
        await cancelWhenGracefulShutdown { await self.gate.opened() }
        try await self.cluster.run()
    }
}

/// Counts the listeners of the Admin side that have opened.
final class BoundCount: Sendable {
    private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    private let total: Int

    /// Creates a count of so many to come.
    init(of total: Int) { self.total = total }

    /// Counts one; further ones after the last do no harm.
    func add() { self.continuation.yield() }

    /// Waits for all, once; `false` when the task is cancelled before.
    func all() async -> Bool {
        var count = 0
        guard count < self.total else { return true }
        for await _ in self.stream {
            count += 1
            if count == self.total { return true }
        }
        return false
    }
}
