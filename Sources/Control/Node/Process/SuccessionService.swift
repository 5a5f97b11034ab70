import Glibc
import Logging
import MeshListening
import MeshReports
import MeshStorage
import MeshTransport
import ServiceLifecycle

/// Lets another process take the node over: hands it sockets, store and identity, and takes all of it
/// back when that one does not come to serve.
///
///     serving -- greeting --> sockets sent -- ready --> store closed -- voice --> silent -- serving --> over
///         \------ it ends ------/--------------- it ends, or says nothing -------/
///
/// Only a process of the same user, or root, is answered.
struct SuccessionService: Service {
    /// How long a taker may prepare: 60 s; how long it may take to serve once it has the store: 30 s.
    private static let patience = (preparing: 60_000, starting: 30_000)

    let store: NodeStore
    let cluster: ClusterService
    let listeners: ListenerSet
    let supervisor: Supervisor
    let logger: Logger
    private let thread = DiskThread()

    init(
        store: NodeStore,
        cluster: ClusterService,
        listeners: ListenerSet,
        supervisor: Supervisor,
        logger: Logger
    ) {
        self.store = store
        self.cluster = cluster
        self.listeners = listeners
        self.supervisor = supervisor
        self.logger = logger
    }

    /// Runs until the node shuts down, or until another process is the node.
    func run() async throws {
        let path = "\(self.store.directory)/\(Succession.socketName)"
        let listener: DescriptorListener
        do {
            listener = try DescriptorListener(path: path)
        } catch {
            self.logger.tell(
                .takeoverUnready,
                "no other process can take the node over",
                [
                    "socket": "\(path)", "reason": "\(String(cString: strerror(error.code)))",
                ]
            )
            try? await gracefulShutdown()
            return
        }
        try await withGracefulShutdownHandler {
            while let channel = try await self.thread.run({ listener.accept() }) {
                if await self.handOver(through: channel) { break }
            }
        } onGracefulShutdown: {
            listener.end()
        }
        // A successor has its own socket at this path.
        guard !self.listeners.isHandedOver else { return }
        listener.removePath()
        // A socket that the system closes ends no node.
        try? await gracefulShutdown()
    }

    /// Hands the node over; `false` when it stays here.
    private func handOver(through channel: DescriptorChannel) async -> Bool {
        guard let peer = channel.peer, [0, geteuid()].contains(peer.user) else { return false }
        let process = "\(peer.process)"
        var isYielded = false
        do {
            try await self.offer(through: channel)
            self.logger.tell(.handingOver, "handing the node over", ["pid": "\(process)"])
            isYielded = true
            try await self.yield()
            try await self.finish(through: channel)
            self.supervisor.succeeded(by: peer.process)
            self.logger.tell(.handedOver, "another process is the node", ["pid": "\(process)"])
            return true
        } catch {
            self.logger.tell(
                .handOverFailed,
                "the node was not taken over and goes on here",
                ["pid": "\(process)", "reason": "\(error)"]
            )
        }
        if isYielded { await self.takeBack() }
        return false
    }

    /// Sends the sockets, and waits until the taker could serve.
    private func offer(through channel: DescriptorChannel) async throws {
        let offered = self.listeners.offered
        try await self.thread.run {
            channel.setPatience(milliseconds: Self.patience.preparing)
            guard try channel.receive().text == Succession.greeting else {
                throw ListenFailure(code: EPROTO)
            }
            let step = DescriptorChannel.descriptorLimit
            for start in stride(from: 0, to: offered.count, by: step) {
                let part = offered[start...].prefix(step)
                let lines = [Succession.Word.sockets] + part.map(\.name)
                try channel.send(lines.joined(separator: "\n"), part.map(\.descriptor))
            }
            try channel.send(Succession.Word.complete)
            guard try channel.receive().text == Succession.Word.ready else {
                throw ListenFailure(code: EPROTO)
            }
        }
    }

    /// Closes the store: from here on the other process writes to it.
    private func yield() async throws {
        await self.cluster.giveStore()
        let members = await self.cluster.knownMembers()
        let store = self.store
        try await store.disk.run {
            try? store.saveKnownMembers(members, wallMilliseconds: NodeClock.wallMilliseconds)
            try store.close()
        }
    }

    private func finish(through channel: DescriptorChannel) async throws {
        let listeners = self.listeners
        try await self.thread.run {
            channel.setPatience(milliseconds: Self.patience.starting)
            try channel.send(Succession.Word.yours)
            guard try channel.receive().text == Succession.Word.voice else {
                throw ListenFailure(code: EPROTO)
            }
        }
        await self.cluster.pauseForSuccessor()
        try await self.thread.run {
            try channel.send(Succession.Word.yours)
            guard try channel.receive().text == Succession.Word.serving else {
                throw ListenFailure(code: EPROTO)
            }
            listeners.handedOver()
            try? channel.send(Succession.Word.yours)
        }
    }

    /// Opens the store again and speaks again; the taker is gone.
    private func takeBack() async {
        let store = self.store
        var isTold = false
        while !Task.isCancelled {
            do {
                let boot = try await store.disk.run { try store.reopen() }
                await self.cluster.resume(boot: boot)
                self.logger.tell(.handOverUndone, "the node is here again", ["boot": "\(boot)"])
                return
            } catch {
                // The taker may still be ending; nothing else can be done without the store.
                if !isTold {
                    self.logger.tell(.storeBusy, "store not open yet", ["reason": "\(error)"])
                }
                isTold = true
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
