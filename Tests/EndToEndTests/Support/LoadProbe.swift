import Foundation
import Glibc
import Synchronization

/// GETs at a fixed rate to all nodes in turn, whatever the answers take.
///
/// An idle connection is used again, as clients do; a request on one that the node had already
/// closed is sent once more on a new connection, which HTTP lets a client do unasked.
final class LoadProbe: Sendable {
    /// What becomes of a connection after its answer.
    enum Connections: Sendable {
        case reused
        /// Every request has one of its own.
        case fresh
    }

    struct Sample: Sendable {
        enum Outcome: Sendable, Equatable {
            case answered(Int, by: String)
            /// The node took the connection, and no whole answer came.
            case cut(String)
            /// The node takes no connections.
            case refused
        }

        let node: String
        /// When the request was due.
        let wallMilliseconds: Double
        let seconds: Double
        let outcome: Outcome

        var status: Int? { if case .answered(let status, _) = self.outcome { status } else { nil } }
        var answerer: String? { if case .answered(_, let by) = self.outcome { by } else { nil } }
    }

    private let samples = Mutex<[Sample]>([])
    private let isStopping = Atomic(false)
    private let hasEnded = Atomic(false)

    /// Starts to send; ends by itself after 60 s.
    init(
        _ targets: [(name: String, place: Place)],
        perSecond: Double,
        connections: Connections
    ) {
        let loop = Thread { [self] in
            var wheel = LoadLoop(
                targets: targets,
                interval: 1 / perSecond,
                connections: connections
            )
            wheel.run(
                isStopping: { self.isStopping.load(ordering: .relaxed) },
                onSample: { sample in self.samples.withLock { $0.append(sample) } }
            )
            self.hasEnded.store(true, ordering: .releasing)
        }
        loop.start()
    }

    @LoopbackActor
    convenience init(
        _ nodes: [TestNode],
        perSecond: Double = 150,
        connections: Connections = .reused
    ) {
        let targets = nodes.map { ($0.name, $0.proxy) }
        self.init(targets, perSecond: perSecond, connections: connections)
    }

    var soFar: [Sample] { self.samples.withLock { $0 } }

    /// Sends nothing more, waits for the answers that are due, and gives all of them.
    @LoopbackActor
    func stop() throws -> [Sample] {
        self.isStopping.store(true, ordering: .relaxed)
        try eventually("the load should end", within: 15) {
            self.hasEnded.load(ordering: .acquiring)
        }
        return self.soFar
    }
}

extension [LoadProbe.Sample] {
    /// Everything that a client would call an error.
    var errors: [LoadProbe.Sample] { self.filter { $0.status != 200 } }

    /// Short text of the first few errors.
    var complaint: String {
        let first = self.errors.prefix(5).map { "\($0.node): \($0.outcome) after \($0.seconds) s" }
        return "\(self.errors.count) of \(self.count): \(first.joined(separator: "; "))"
    }
}

/// The loop behind a load: sockets that never block, and one `poll`.
private struct LoadLoop {
    private static let patience = 10.0

    private struct Request {
        let target: Int
        let due: Double
        let wallMilliseconds: Double
        var descriptor: Int32
        var isReused: Bool
        var isSent: Bool
        var answer: [UInt8] = []
    }

    let targets: [(name: String, place: Place)]
    let interval: Double
    let connections: LoadProbe.Connections
    private var requests: [Request] = []
    private var idle: [[Int32]]
    private var onSample: (LoadProbe.Sample) -> Void = { _ in }

    init(
        targets: [(name: String, place: Place)],
        interval: Double,
        connections: LoadProbe.Connections
    ) {
        self.targets = targets
        self.interval = interval
        self.connections = connections
        self.idle = targets.map { _ in [] }
    }

    mutating func run(
        isStopping: () -> Bool,
        onSample: @escaping (LoadProbe.Sample) -> Void
    ) {
        self.onSample = onSample
        let start = Clock.now
        var count = 0
        while true {
            let now = Clock.now
            let isOver = isStopping() || now - start > 60
            if isOver, self.requests.isEmpty { break }
            while !isOver, start + Double(count) * self.interval <= now {
                self.begin(count % self.targets.count, due: start + Double(count) * self.interval)
                count += 1
            }
            self.poll(until: isOver ? now + 0.05 : start + Double(count) * self.interval)
            self.giveUp()
        }
        for descriptor in self.idle.joined() { close(descriptor) }
    }

    private mutating func begin(_ target: Int, due: Double) {
        let late = Clock.now - due
        self.send(
            Request(
                target: target,
                due: due,
                wallMilliseconds: Clock.wallMilliseconds - late * 1_000,
                descriptor: -1,
                isReused: false,
                isSent: false
            ),
            isFresh: false
        )
    }

    private mutating func send(_ wanted: Request, isFresh: Bool) {
        var request = wanted
        if !isFresh, let descriptor = self.idle[request.target].popLast() {
            request.descriptor = descriptor
            request.isReused = true
        } else {
            request.isReused = false
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            request.descriptor = socket(AF_INET, kind | Int32(SOCK_CLOEXEC.rawValue), 0)
            let place = self.targets[request.target].place
            var name = SocketName.v4(place.address, port: place.port)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = request.descriptor
            _ = SocketName.with(&name) { connect(descriptor, $0, length) }
        }
        self.requests.append(request)
    }

    private mutating func poll(until due: Double) {
        var waits = self.requests.map {
            pollfd(
                fd: $0.descriptor,
                events: Int16($0.isSent ? POLLIN : POLLOUT),
                revents: 0
            )
        }
        let milliseconds = max(0, min(50, (due - Clock.now) * 1_000))
        Glibc.poll(&waits, nfds_t(waits.count), Int32(milliseconds.rounded(.up)))
        for index in waits.indices.reversed() where waits[index].revents != 0 {
            if self.requests[index].isSent { self.receive(index) } else { self.write(index) }
        }
    }

    private mutating func write(_ index: Int) {
        let request = self.requests[index]
        var problem: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(request.descriptor, SOL_SOCKET, SO_ERROR, &problem, &length)
        guard problem == 0 else {
            self.end(index, problem == ECONNREFUSED ? .refused : .cut("connect: \(problem)"))
            return
        }
        let place = self.targets[request.target].place
        let close = self.connections == .fresh ? "Connection: close\r\n" : ""
        let head = Array("GET /demo HTTP/1.1\r\nHost: \(place)\r\n\(close)\r\n".utf8)
        let count = Glibc.send(
            request.descriptor,
            head,
            head.count,
            Int32(MSG_NOSIGNAL)
        )
        if count == head.count {
            self.requests[index].isSent = true
        } else {
            self.lost(index, "send: \(errno)")
        }
    }

    private mutating func receive(_ index: Int) {
        var piece = [UInt8](repeating: 0, count: 16_384)
        let count = recv(self.requests[index].descriptor, &piece, piece.count, 0)
        guard count > 0 else {
            if count < 0, errno == EAGAIN { return }
            self.lost(index, count == 0 ? "closed" : "reset: \(errno)")
            return
        }
        self.requests[index].answer += piece[..<count]
        guard let answer = LoadAnswer(self.requests[index].answer) else { return }
        self.end(index, .answered(answer.status, by: answer.answerer), keeps: !answer.closes)
    }

    /// The connection went away under a request.
    private mutating func lost(_ index: Int, _ reason: String) {
        let request = self.requests[index]
        guard request.isReused, request.answer.isEmpty else {
            self.end(index, .cut(reason))
            return
        }
        close(request.descriptor)
        self.requests.remove(at: index)
        var again = request
        again.isSent = false
        self.send(again, isFresh: true)
    }

    private mutating func end(
        _ index: Int,
        _ outcome: LoadProbe.Sample.Outcome,
        keeps: Bool = false
    ) {
        let request = self.requests.remove(at: index)
        if keeps {
            self.idle[request.target].append(request.descriptor)
        } else {
            close(request.descriptor)
        }
        self.onSample(
            LoadProbe.Sample(
                node: self.targets[request.target].name,
                wallMilliseconds: request.wallMilliseconds,
                seconds: Clock.now - request.due,
                outcome: outcome
            )
        )
    }

    private mutating func giveUp() {
        let now = Clock.now
        for index in self.requests.indices.reversed()
        where now - self.requests[index].due > Self.patience {
            self.end(index, .cut("no answer in \(Self.patience) s"))
        }
    }
}

/// One whole answer.
private struct LoadAnswer {
    let status: Int
    let answerer: String
    let closes: Bool

    /// Nil while bytes are missing; bodies need a length, as meshecho's and the node's own have.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            fields[line[..<colon].lowercased()] = value
        }
        let length = fields["content-length"].flatMap { Int($0) } ?? 0
        guard text[end.upperBound...].utf8.count >= length else { return nil }
        self.status = status
        self.answerer = fields["x-echo-name"] ?? ""
        self.closes = fields["connection"]?.lowercased() == "close"
    }
}
