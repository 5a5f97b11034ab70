internal import CMeshSystem
internal import MeshPlugins

/// Sends lines over a connection that is kept.
///
/// As in Kong an entry that cannot be sent is lost; a connection that has ended is begun anew first.
final class StreamLogSink: LogSink {
    private let queue: LogQueue
    private let place: (host: String, port: UInt16)
    private let security: OutsideSecurity?
    private let milliseconds: Int64
    private var endpoint: OutsideConnection?

    init(
        _ queue: LogQueue,
        place: (host: String, port: UInt16),
        security: OutsideSecurity?,
        milliseconds: Int64
    ) {
        self.queue = queue
        self.place = place
        self.security = security
        self.milliseconds = milliseconds
    }

    func deliver(at now: Int64, haste: LogHaste) -> Int {
        let entries = self.queue.take(1_000)
        guard !entries.isEmpty else { return 0 }
        var bytes: [UInt8] = []
        for entry in entries { bytes += entry.text + self.queue.plan.format.lineEnd }
        let limit = haste == .last ? min(self.milliseconds, 1_000) : self.milliseconds
        for _ in 0..<2 {
            if self.endpoint?.hasEnded() ?? true {
                self.endpoint = OutsideConnection(
                    self.place.host,
                    self.place.port,
                    security: self.security,
                    milliseconds: limit
                )
            }
            guard self.endpoint != nil else { return entries.count }
            if self.endpoint?.send(bytes, milliseconds: limit) == true { return 0 }
            self.endpoint = nil
        }
        return entries.count
    }
}

/// Sends requests over a connection that is kept, and repeats them with growing pauses.
///
/// Source: Kong 3.9, `kong/tools/queue.lua`.
final class HTTPLogSink: LogSink {
    /// Most bytes of an answer's body that are read, and thrown away: 64 KiB.
    private static let answerByteLimit = 65_536

    /// Milliseconds that one look at the queue may take beyond the request at hand.
    private static let patience: Int64 = 500

    private let queue: LogQueue
    private let target: HTTPLogEndpoint
    private let link: OutsideHTTP
    /// What is being tried.
    private var batch: [LogQueue.Entry] = []
    private var triedSince: Int64 = 0
    private var nextTry: Int64 = 0
    private var delay: Int64 = 0
    /// When entries were first seen that do not fill a batch.
    private var waitingSince: Int64?

    init(_ queue: LogQueue, _ target: HTTPLogEndpoint) {
        self.queue = queue
        self.target = target
        self.link = OutsideHTTP(target)
    }

    func deliver(at now: Int64, haste: LogHaste) -> Int {
        var lost = 0
        var now = now
        let end = now + Self.patience
        while now < end, self.fill(now, haste) {
            guard haste == .last || now >= self.nextTry else { return lost }
            let limit =
                haste == .last ? min(self.target.milliseconds, 1_000) : self.target.milliseconds
            if self.send(self.batch, limit) {
                self.batch = []
            } else {
                lost += self.fail(haste)
                if haste == .last { return lost + self.queue.take(.max).count }
            }
            now = mesh_clock_nanoseconds() / 1_000_000
        }
        return lost
    }

    /// Whether there is a batch to be sent.
    private func fill(_ now: Int64, _ haste: LogHaste) -> Bool {
        guard self.batch.isEmpty else { return true }
        let rules = self.queue.plan.delivery
        let count = self.queue.count
        guard count > 0 else {
            self.waitingSince = nil
            return false
        }
        if count < rules.batchLimit, haste != .last {
            let since = self.waitingSince ?? now
            self.waitingSince = since
            guard now - since >= rules.coalescingMilliseconds else { return false }
        }
        self.waitingSince = nil
        self.batch = self.queue.take(rules.batchLimit)
        self.triedSince = now
        self.nextTry = 0
        self.delay = rules.firstDelay
        return !self.batch.isEmpty
    }

    /// Plans another try, or gives the batch up; how many entries are lost.
    private func fail(_ haste: LogHaste) -> Int {
        let now = mesh_clock_nanoseconds() / 1_000_000
        let rules = self.queue.plan.delivery
        guard haste != .last, now - self.triedSince < rules.retryMilliseconds else {
            defer { self.batch = [] }
            return self.batch.count
        }
        self.nextTry = now + self.delay
        self.delay = min(self.delay * 2, rules.longestDelay)
        return 0
    }

    private func send(_ entries: [LogQueue.Entry], _ milliseconds: Int64) -> Bool {
        let body = self.queue.plan.format.body(
            entries.map(\.text),
            isAlone: self.queue.plan.delivery.batchLimit == 1
        )
        let request =
            self.target.head + Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body
        let answer = self.link.ask(
            request,
            milliseconds: milliseconds,
            byteLimit: Self.answerByteLimit
        )
        return answer.map { $0.status < 300 } ?? false
    }
}
