internal import CMeshSystem
internal import MeshHTTP
internal import MeshHealth
internal import MeshPrimitives

/// The prober's thread: checks go over links, as traffic does.
///
///     waiting --place free--> connecting --(TLS)--> asking --answer, deadline--> told
final class ProbeReactor {
    /// One check in flight, by its link.
    private struct Probe {
        let request: ProbeRequest
        /// Nanoseconds.
        let begunAt: Int64
        var dialogue: ProbeDialogue
    }

    /// Most checks at the same time.
    private static let limit = 256
    private static let mailboxToken = UInt64.max

    private let mailbox: Mailbox<ProbeMessage>
    private let onResult: @Sendable (ProbeResult) -> Void
    private let poller: Poller
    private var io: LinkIO
    private var timers: Timers
    private var contexts = ProbeContexts()
    private let fields = HeaderFieldBuffer.allocate()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    private var probes: [Probe?] = Array(repeating: nil, count: ProbeReactor.limit)
    private var inFlight = 0
    private var waiting = ProbeQueue()
    /// Nanoseconds.
    private var now: Int64
    private var isStopping = false

    private var milliseconds: Int64 { self.now / 1_000_000 }

    /// Makes a reactor; `nil` when the system refuses.
    init?(
        _ mailbox: Mailbox<ProbeMessage>,
        _ onResult: @escaping @Sendable (ProbeResult) -> Void
    ) {
        let now = mesh_clock_nanoseconds()
        guard let poller = Poller(),
            let io = LinkIO(poller: poller.descriptor, capacity: Self.limit),
            let timers = Timers(
                links: Self.limit,
                attempts: 0,
                exchanges: 0,
                now: now / 1_000_000
            )
        else { return nil }
        self.mailbox = mailbox
        self.onResult = onResult
        self.poller = poller
        self.io = io
        self.timers = timers
        self.now = now
    }

    /// Runs on the calling thread until told to stop; call once.
    func run() {
        let mailbox = self.mailbox.descriptor
        _ = mesh_epoll_add_level(self.poller.descriptor, mailbox, Self.mailboxToken)
        while !self.isStopping {
            let patience = self.timers.wait(now: self.milliseconds, limit: 1_000)
            let count = self.poller.wait(milliseconds: patience)
            self.now = mesh_clock_nanoseconds()
            for index in 0..<count { self.take(self.poller.event(index)) }
            while let expired = self.timers.expired(now: self.milliseconds) {
                self.finish(expired.index, .timedOut)
            }
            while self.inFlight < Self.limit, let request = self.waiting.take() {
                self.begin(request)
            }
        }
        self.end()
    }

    private func readMailbox() {
        for message in self.mailbox.take() {
            switch message {
            case .submit(let request):
                guard let dropped = self.waiting.add(request) else { continue }
                self.tell(dropped, .notCarriedOut, since: self.now)
            case .certificates(let certificates): self.contexts.setCertificates(certificates)
            case .stop: self.isStopping = true
            }
        }
    }

    /// Begins a check; its time runs from here.
    private func begin(_ request: ProbeRequest) {
        let link = self.io.connect(SocketAddress.encode(request.endpoint))
        guard link >= 0 else {
            let outcome = Self.outcome(of: ProxyFailure.Cause(connectError: -link))
            return self.tell(request, outcome, since: self.now)
        }
        let dialogue = ProbeDialogue(request.check)
        self.probes[Int(link)] = Probe(
            request: request,
            begunAt: self.now,
            dialogue: dialogue
        )
        self.inFlight += 1
        let timeout = max(1, request.timeout.saturatedNanoseconds / 1_000_000)
        self.timers.set(.link, link, self.milliseconds + timeout)
        request.greeting.withUnsafeBytes { self.io.greet(link, $0) }
        guard self.secure(link, request.check) else { return self.finish(link, .notCarriedOut) }
        guard case .http(let probe) = dialogue else { return }
        // Waits in the link until that is open.
        let isKept = probe.head.withUnsafeBytes { self.io.write(link, $0) }
        if !isKept { self.finish(link, .broken) }
    }

    private func secure(_ link: Int32, _ check: ProbeRequest.Check) -> Bool {
        let tls: ProbeTLS
        var isHTTP2 = false
        switch check {
        case .tcp, .http, .grpc(_, nil): return true
        case .https(_, _, _, let wanted): tls = wanted
        case .grpc(_, .some(let wanted)): (tls, isHTTP2) = (wanted, true)
        }
        guard let context = self.contexts.context(tls, isHTTP2: isHTTP2) else { return false }
        var name = tls.serverName
        return name.withUTF8 {
            self.io.startTLS(link, as: context, serverName: UnsafeRawBufferPointer($0))
        }
    }

    private func take(_ event: Poller.Event) {
        if event.token == Self.mailboxToken { return self.readMailbox() }
        let link = self.io.arrived(event)
        guard link >= 0, self.probes[Int(link)] != nil else { return }
        switch self.io.open(link, event) {
        case .pending: return
        case .failed(let cause): return self.finish(link, Self.outcome(of: cause))
        case .plainHTTP: return self.finish(link, Self.outcome(of: .handshake))
        case .opened: self.opened(link)
        case .alreadyOpen: break
        }
        if self.probes[Int(link)] != nil { self.send(link) }
        if event.hasFailed { self.io.markReadable(link) }
        if self.probes[Int(link)] != nil { self.read(link) }
    }

    private func opened(_ link: Int32) {
        switch self.probes[Int(link)]?.dialogue {
        case .none?, nil: self.finish(link, .connected)
        case .http?: return
        case .grpc(let probe)?:
            let isSecure = self.io[link].pointee.isTLS
            guard !isSecure || self.io.speaksHTTP2(link) else {
                return self.finish(link, .broken)
            }
            if !probe.begin(isSecure: isSecure) { self.finish(link, .notCarriedOut) }
        }
    }

    /// Writes what waits; a target that takes no more may have answered before.
    private func send(_ link: Int32) {
        guard self.io.flush(link) else { return self.io.markReadable(link) }
        guard case .grpc(let probe)? = self.probes[Int(link)]?.dialogue else { return }
        while self.io[link].pointee.isWritten, !probe.output.isEmpty {
            let bytes = probe.output
            guard self.io.write(link, bytes) else { return self.io.markReadable(link) }
            probe.dropOutput(bytes.count)
        }
    }

    private func read(_ link: Int32) {
        guard let room = self.buffer.baseAddress else { return }
        while self.probes[Int(link)] != nil, self.io[link].pointee.isReadable {
            switch self.io.read(link, into: room, limit: self.buffer.count) {
            case .bytes(let count):
                self.receive(link, UnsafeRawBufferPointer(start: room, count: count))
            case .drained: return
            case .ended, .broken: return self.finish(link, .broken)
            }
        }
    }

    private func receive(_ link: Int32, _ bytes: UnsafeRawBufferPointer) {
        var outcome: ProbeResult.Outcome?
        switch self.probes[Int(link)]?.dialogue {
        case .none?, nil: return
        case .http(var probe)?:
            outcome = probe.receive(bytes, self.fields)
            self.probes[Int(link)]?.dialogue = .http(probe)
        case .grpc(let probe)?:
            outcome = probe.receive(bytes, self.fields, milliseconds: self.milliseconds)
            if outcome == nil { self.send(link) }
        }
        if let outcome { self.finish(link, outcome) }
    }

    /// What a connection that could not be made says of the target.
    private static func outcome(of cause: ProxyFailure.Cause) -> ProbeResult.Outcome {
        switch cause {
        case .exhausted: .notCarriedOut
        case .refused: .connectFailed
        case .connectTimeout: .timedOut
        default: .broken
        }
    }

    private func finish(_ link: Int32, _ outcome: ProbeResult.Outcome) {
        guard let probe = self.probes[Int(link)] else { return }
        self.probes[Int(link)] = nil
        self.inFlight -= 1
        self.timers.clear(.link, link)
        self.io.close(link)
        self.tell(probe.request, outcome, since: probe.begunAt)
    }

    private func tell(
        _ request: ProbeRequest,
        _ outcome: ProbeResult.Outcome,
        since begunAt: Int64
    ) {
        self.onResult(
            ProbeResult(
                id: request.id,
                sequence: request.sequence,
                outcome: outcome,
                latency: .nanoseconds(max(0, mesh_clock_nanoseconds() - begunAt))
            )
        )
    }

    private func end() {
        for link in 0..<self.io.end where self.probes[Int(link)] != nil { self.io.close(link) }
        self.poller.deallocate()
        self.io.deallocate()
        self.timers.deallocate()
        self.fields.deallocate()
        self.buffer.deallocate()
    }
}
