internal import CMeshSystem
internal import Glibc
internal import MeshHTTP
internal import MeshHealth
internal import MeshPrimitives

/// The prober's thread: connects, asks, reads a response head, closes.
final class ProbeReactor {
    /// One check in flight.
    private struct Probe {
        let request: ProbeRequest
        let descriptor: Int32
        let begunAt: Int64
        var isConnected = false
        var output: [UInt8] = []
        var input: [UInt8] = []
    }

    /// Most checks at the same time.
    private static let limit = 256
    private static let mailboxToken = UInt64.max
    /// A response head that is longer is no answer.
    private static let headLimit = 61_440

    private let mailbox: Mailbox<ProbeMessage>
    private let onResult: @Sendable (ProbeResult) -> Void
    private let poller: Poller
    private var wheel: TimerWheel
    private let fields = HeaderFieldBuffer.allocate()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    private var probes: [Probe?] = Array(repeating: nil, count: ProbeReactor.limit)
    private var generations: [UInt32] = Array(repeating: 0, count: ProbeReactor.limit)
    private var free: [Int32] = (0..<Int32(ProbeReactor.limit)).reversed()
    private var waiting: [ProbeRequest] = []
    private var now: Int64
    private var isStopping = false

    /// Runs on the calling thread until told to stop.
    static func run(
        mailbox: Mailbox<ProbeMessage>,
        onResult: @escaping @Sendable (ProbeResult) -> Void
    ) {
        guard let reactor = ProbeReactor(mailbox, onResult) else { return }
        reactor.loop()
        reactor.end()
    }

    private init?(
        _ mailbox: Mailbox<ProbeMessage>,
        _ onResult: @escaping @Sendable (ProbeResult) -> Void
    ) {
        let now = mesh_clock_nanoseconds()
        guard let poller = Poller(),
            let wheel = TimerWheel(capacity: Self.limit, now: now / 1_000_000)
        else { return nil }
        self.mailbox = mailbox
        self.onResult = onResult
        self.poller = poller
        self.wheel = wheel
        self.now = now
    }

    private func loop() {
        let mailbox = self.mailbox.descriptor
        _ = mesh_epoll_add_level(self.poller.descriptor, mailbox, Self.mailboxToken)
        while !self.isStopping {
            let patience = self.wheel.wait(now: self.now / 1_000_000, limit: 1_000)
            let count = self.poller.wait(milliseconds: patience)
            self.now = mesh_clock_nanoseconds()
            for index in 0..<count { self.take(self.poller.event(index)) }
            while true {
                let expired = self.wheel.expired(now: self.now / 1_000_000)
                guard expired >= 0 else { break }
                self.finish(expired, .timedOut)
            }
            self.beginWaiting()
        }
    }

    private func take(_ event: Poller.Event) {
        if event.token == Self.mailboxToken { return self.readMailbox() }
        let index = Int32(truncatingIfNeeded: event.token & 0xFFFF_FFFF)
        guard self.generations[Int(index)] == UInt32(truncatingIfNeeded: event.token >> 32)
        else { return }
        if self.probes[Int(index)]?.isConnected == false {
            guard self.connected(index, event) else { return }
        }
        guard self.write(index) else { return self.finish(index, .broken) }
        if event.isReadable || event.hasFailed { self.read(index) }
    }

    private func readMailbox() {
        for message in self.mailbox.take() {
            switch message {
            case .submit(let request): self.waiting.append(request)
            case .stop: self.isStopping = true
            }
        }
    }

    private func beginWaiting() {
        guard !self.waiting.isEmpty, !self.free.isEmpty else { return }
        let count = min(self.waiting.count, self.free.count)
        for request in self.waiting.prefix(count) { self.begin(request) }
        self.waiting.removeFirst(count)
    }

    private func begin(_ request: ProbeRequest) {
        var address = SocketAddress.encode(request.endpoint)
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0, let index = self.free.popLast() else {
            if descriptor >= 0 { close(descriptor) }
            return self.tell(request, .connectFailed, since: self.now)
        }
        var probe = Probe(request: request, descriptor: descriptor, begunAt: self.now)
        if case .http(let path, let host, let headers) = request.check {
            probe.output = Self.head(path: path, host: host, headers: headers)
        }
        self.probes[Int(index)] = probe
        let timeout = max(1, request.timeout.saturatedNanoseconds / 1_000_000)
        self.wheel.set(index, self.now / 1_000_000 + timeout)
        let token =
            UInt64(self.generations[Int(index)]) << 32 | UInt64(UInt32(bitPattern: index))
        if mesh_epoll_add_stream(self.poller.descriptor, descriptor, token) != 0 {
            self.finish(index, .connectFailed)
        }
    }

    /// Kong's later library sends HTTP/1.1, too: 1.0 is refused by some servers.
    private static func head(path: String, host: String, headers: [ProbeField]) -> [UInt8] {
        var text = "GET \(path.isEmpty ? "/" : path) HTTP/1.1\r\nHost: \(host)\r\n"
        text += "Connection: close\r\nUser-Agent: meshgate-probe\r\n"
        for field in headers { text += "\(field.name): \(field.value)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    private func connected(_ index: Int32, _ event: Poller.Event) -> Bool {
        guard event.isWritable || event.hasFailed, let probe = self.probes[Int(index)] else {
            return false
        }
        guard mesh_socket_error(probe.descriptor) == 0, !event.hasFailed else {
            self.finish(index, .connectFailed)
            return false
        }
        // Checks over TLS and of gRPC end here too, until probes are made of links.
        guard case .http = probe.request.check else {
            self.finish(index, .connected)
            return false
        }
        self.probes[Int(index)]?.isConnected = true
        return true
    }

    private func write(_ index: Int32) -> Bool {
        guard let probe = self.probes[Int(index)], !probe.output.isEmpty else { return true }
        let count = probe.output.withUnsafeBytes {
            mesh_send(probe.descriptor, $0.baseAddress, $0.count)
        }
        guard count >= 0 || count == -Int(EAGAIN) else { return false }
        if count > 0 { self.probes[Int(index)]?.output.removeFirst(count) }
        return true
    }

    private func read(_ index: Int32) {
        while let probe = self.probes[Int(index)] {
            let count = mesh_receive(
                probe.descriptor,
                self.buffer.baseAddress,
                self.buffer.count
            )
            if count == -Int(EAGAIN) { return }
            guard count > 0, probe.input.count + count <= Self.headLimit else {
                return self.finish(index, .broken)
            }
            self.probes[Int(index)]?.input.append(contentsOf: self.buffer.prefix(count))
            if let outcome = self.outcome(index) { return self.finish(index, outcome) }
        }
    }

    /// What the bytes read so far say; `nil` while the final head is not complete.
    private func outcome(_ index: Int32) -> ProbeResult.Outcome? {
        guard let input = self.probes[Int(index)]?.input else { return nil }
        return input.withUnsafeBytes { bytes in
            var start = 0
            var head = ResponseHead()
            while true {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let parsed = ResponseHead.parseResponse(
                    rest,
                    requestMethodIsHead: false,
                    into: &head,
                    fields: self.fields
                )
                switch parsed {
                case .incomplete: return nil
                case .invalid: return .broken
                case .complete(let consumed):
                    guard head.isInterim else { return .status(head.status) }
                    start += consumed
                }
            }
        }
    }

    private func finish(_ index: Int32, _ outcome: ProbeResult.Outcome) {
        guard let probe = self.probes[Int(index)] else { return }
        close(probe.descriptor)
        self.probes[Int(index)] = nil
        self.generations[Int(index)] = (self.generations[Int(index)] &+ 1) & 0x7FFF_FFFF
        self.wheel.clear(index)
        self.free.append(index)
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
        for probe in self.probes.compactMap({ $0 }) { close(probe.descriptor) }
        self.poller.deallocate()
        self.wheel.deallocate()
        self.fields.deallocate()
        self.buffer.deallocate()
    }
}
