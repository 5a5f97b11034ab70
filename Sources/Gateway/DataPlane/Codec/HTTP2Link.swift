internal import MeshHTTP

/// The HTTP/2 session of one link, and whose streams it carries.
///
/// Frames wait in the session until the link has written what it got before, so that the streams of
/// one event leave in one send and a slow peer holds back the streams, not the worker's memory.
final class HTTP2Link {
    let session: HTTP2Session
    let link: Int32
    /// Exchanges of a client's session, attempts of a target's.
    @exclusivity(unchecked)
    private(set) var users: ContiguousArray<Int32> = []
    /// Whether it is on the list of sessions to run after the event at hand.
    var isPending = false
    /// Whether its pool offers it to further requests.
    var isShared = false
    /// Whether the peer was told that no further streams are taken.
    var isLeaving = false

    init(_ session: HTTP2Session, link: Int32) {
        self.session = session
        self.link = link
    }

    func add(_ user: Int32) { self.users.append(user) }

    func remove(_ user: Int32) {
        guard let place = self.users.lastIndex(of: user) else { return }
        self.users.swapAt(place, self.users.count - 1)
        self.users.removeLast()
    }
}

/// A stream that was answered before its request had ended.
struct OrphanedStream {
    let session: HTTP2Link
    let link: Int32
    let stream: Int32
    /// Milliseconds.
    let resetAt: Int64
}

/// Running sessions: bytes in, events handled, frames out.
extension Worker {
    /// The session of a link that has one.
    @inline(__always)
    func session(_ link: Int32) -> HTTP2Link? {
        self.io[link].pointee.session?.takeUnretainedValue()
    }

    /// Lets `body` see the session of a link without counting a reference; `nil` when it has none.
    ///
    /// `body` must not close the link.
    @inline(__always)
    func withSession<Result>(_ link: Int32, _ body: (HTTP2Link) -> Result) -> Result? {
        self.io[link].pointee.session?._withUnsafeGuaranteedRef(body)
    }

    /// Gives a link a session; `nil` when there is no memory.
    func startSession(_ link: Int32, _ role: HTTP2Session.Role) -> HTTP2Link? {
        var limits = HTTP2Limits()
        limits.head = self.limits
        guard
            let session = HTTP2Session(
                role: role,
                limits: limits,
                seed: self.generator.next(),
                spares: self.spares
            )
        else { return nil }
        let result = HTTP2Link(session, link: link)
        self.io[link].pointee.session = Unmanaged.passRetained(result)
        self.counters.add(Self.sessionCounter(role))
        return result
    }

    /// Runs a session after the event at hand.
    @inline(__always)
    func touch(_ session: HTTP2Link) {
        guard !session.isPending else { return }
        session.isPending = true
        self.pendingSessions.append(session)
    }

    /// Runs the sessions that something was submitted to.
    @inline(__always)
    func runPendingSessions() {
        while let session = self.pendingSessions.popLast() {
            session.isPending = false
            guard self.session(session.link) === session else { continue }
            self.runSession(session)
        }
    }

    /// Handles what the session has to say and writes what it has to send, until both are done.
    func runSession(_ session: HTTP2Link) {
        let link = session.link
        while true {
            while let event = session.session.nextEvent() {
                switch session.session.role {
                case .server: self.handle(event, of: session)
                case .client: self.handleTarget(event, of: session)
                }
                guard self.session(link) === session else { return }
            }
            guard self.writeFrames(session) else { return self.sessionBroken(session) }
            guard session.session.hasEvents else { break }
        }
        if session.session.isFinished, self.io[link].pointee.isWritten {
            self.sessionFinished(session)
        }
    }

    /// Hands frames to the link as long as that has written what it got; `false` when it is broken.
    private func writeFrames(_ session: HTTP2Link) -> Bool {
        let link = session.link
        guard self.io[link].pointee.phase == .open else { return true }
        while self.io[link].pointee.isWritten {
            let bytes = session.session.output
            guard !bytes.isEmpty else { return true }
            guard self.io.write(link, bytes) else { return false }
            session.session.dropOutput(bytes.count)
        }
        self.patience(link, self.timeouts.writeStall)
        return true
    }

    private func sessionBroken(_ session: HTTP2Link) {
        switch session.session.role {
        case .server: self.close(session.link)
        case .client: self.targetSessionFailed(session.link, .reset)
        }
    }

    private func sessionFinished(_ session: HTTP2Link) {
        switch session.session.role {
        case .server:
            self.countFault(session)
            self.endUsers(of: session)
            self.io[session.link].pointee.flags.insert(.lingersWhenWritten)
            self.leave(session.link)
        case .client: self.targetSessionFailed(session.link, .reset)
        }
    }

    private func countFault(_ session: HTTP2Link) {
        guard let fault = session.session.fault else { return }
        self.counters.add(WorkerCounter.sessionFaults + Int(fault.cause.rawValue))
    }

    /// Ends the exchanges of a client's session that has ended.
    private func endUsers(of session: HTTP2Link) {
        while let place = session.users.last {
            session.remove(place)
            self.abandon(place)
        }
    }

    /// Frees the session of a link that is about to be closed; its exchanges end with it.
    func endSession(_ link: Int32) {
        guard let session = self.session(link) else { return }
        if session.session.role == .server { self.endUsers(of: session) }
        self.counters.subtract(Self.sessionCounter(session.session.role))
        self.io[link].pointee.session?.release()
        self.io[link].pointee.session = nil
    }

    private static func sessionCounter(_ role: HTTP2Session.Role) -> Int {
        role == .server ? WorkerCounter.clientSessions : WorkerCounter.targetSessions
    }
}
