internal import MeshEntities
public import MeshHealth
internal import Synchronization

/// Carries out active checks on a thread of its own, over links like those of traffic.
public final class Prober: Sendable {
    private let onResult: @Sendable (ProbeResult) -> Void
    private let mailbox: Mailbox<ProbeMessage>?
    private let thread = Mutex<ReactorThread?>(nil)

    /// Creates a prober that does nothing yet.
    ///
    /// - Parameter onResult: called on the prober's thread once per request; must return quickly.
    public init(onResult: @escaping @Sendable (ProbeResult) -> Void) {
        self.onResult = onResult
        self.mailbox = Mailbox()
    }

    /// Starts the thread.
    ///
    /// - Throws: ``DataPlaneError`` when the system refuses it, or when it was started before.
    public func start() throws(DataPlaneError) {
        guard let mailbox = self.mailbox else { throw .outOfResources }
        let onResult = self.onResult
        let isFirst = self.thread.withLock { $0 == nil }
        guard isFirst else { throw .startedTwice }
        guard let made = ProbeReactor(mailbox, onResult) else { throw .outOfResources }
        // Only the thread uses it from here on.
        nonisolated(unsafe) let reactor = made
        let started = startReactorThread(name: "mesh-prober") { reactor.run() }
        guard let started else { throw .outOfResources }
        self.thread.withLock { $0 = started }
    }

    /// Asks for one check; its result comes later, whatever happens.
    ///
    /// Its time runs from its own start. At most 256 are in flight and 16,384 targets wait; a newer
    /// request for a target that waits takes the older one's place. A request that is pushed out, or
    /// finds no room, is answered ``MeshHealth/ProbeResult/Outcome/notCarriedOut``.
    public func submit(_ request: ProbeRequest) {
        guard self.mailbox?.post(.submit(request)) == true else {
            let result = ProbeResult(
                id: request.id,
                sequence: request.sequence,
                outcome: .notCarriedOut,
                latency: .zero
            )
            return self.onResult(result)
        }
    }

    /// Takes over the certificates that checks over TLS may show to targets.
    public func setCertificates(of snapshot: Snapshot) {
        self.mailbox?.post(.certificates(snapshot.certificates))
    }

    /// Ends the thread; checks that are not done have no result.
    ///
    /// Returns when it has ended.
    public func stop() {
        self.mailbox?.post(.stop)
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }
}

/// What the prober's thread is told.
enum ProbeMessage: Sendable {
    case submit(ProbeRequest)
    case certificates(EntityList<Certificate>)
    case stop
}
