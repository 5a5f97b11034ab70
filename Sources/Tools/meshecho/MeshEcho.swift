import ArgumentParser
import Dispatch
import Foundation
import NIOCore
import NIOPosix

/// A test upstream: says what it received, and fails the way it is told to.
@main
struct MeshEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshecho",
        abstract: "Answer every request with what was received, or fail as told.",
        discussion: """
            Every answer carries X-Echo-Name. Faults are set by the options below, at run time by
            POST /_echo with JSON of the same names (latency_ms, error_rate, ...), and for one
            request by its query: ?status=503&latency_ms=20&body_bytes=1000&chunked=1&close=1.

            A request that asks for a WebSocket gets one that sends every message back; --tcp-listen
            adds a port that sends every byte back.

            GET /_echo           settings and counters
            GET /_echo/arrivals  requests that arrived in each 100 ms of the last minute
            GET /health          health_status; only hang and close make it fail otherwise

            Example: meshecho --listen 127.0.0.1:9001 --name eu-1 --region eu --latency-ms 5
            """
    )

    @Option(help: "Address and port to listen on.")
    var listen = "127.0.0.1:9001"

    @Option(help: "Address and port of a TCP echo.")
    var tcpListen: String?

    @Option(help: "Name in every answer.")
    var name = "echo"

    @Option(help: "Region in every answer.")
    var region: String?

    @Option(help: "Threads that serve connections.")
    var threads = 1

    @Option(help: "Wait before every answer.")
    var latencyMs = 0

    @Option(help: "Random wait on top, evenly spread from 0 to this.")
    var latencyJitterMs = 0

    @Option(help: "Requests worked on at once, first come, first served; 0 for any number.")
    var workers = 0

    @Option(help: "Mean of the random time that one takes, exponentially distributed.")
    var serviceMs = 0

    @Option(help: "Share of requests that are answered with the error status, 0 to 1.")
    var errorRate = 0.0

    @Option(help: "Status of failed requests.")
    var errorStatus = 500

    @Flag(help: "Accept requests and never answer.")
    var hang = false

    @Flag(help: "Close the connection instead of answering.")
    var close = false

    @Option(help: "Answer with so many bytes instead of JSON; 0 for JSON.")
    var bodyBytes = 0

    @Option(help: "Status of /health.")
    var healthStatus = 200

    @Flag(help: "Say in every answer how many other requests are worked on, as ORCA has it.")
    var reportLoad = false

    private var faults: EchoFaults {
        EchoFaults(
            latencyMilliseconds: self.latencyMs,
            jitterMilliseconds: self.latencyJitterMs,
            workers: self.workers,
            serviceMilliseconds: self.serviceMs,
            errorRate: self.errorRate,
            errorStatus: self.errorStatus,
            hang: self.hang,
            close: self.close,
            bodyByteCount: self.bodyBytes,
            healthStatus: self.healthStatus,
            reportsLoad: self.reportLoad
        )
    }

    func validate() throws {
        if let problem = self.faults.problem { throw ValidationError(problem) }
        guard (1...64).contains(self.threads) else {
            throw ValidationError("threads is \(self.threads), but must be 1 to 64")
        }
        for (name, text) in [("listen", self.listen), ("tcp-listen", self.tcpListen)] {
            guard let text, Self.address(text) == nil else { continue }
            throw ValidationError("\(name) is \(text), but must be host:port")
        }
    }

    private static func address(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
        return host.isEmpty ? nil : (host, Int(port))
    }

    func run() async throws {
        guard let address = Self.address(self.listen) else { return }
        let stop = StopSignals()
        let state = EchoState(name: self.name, region: self.region, faults: self.faults)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.threads)
        let listener = try await EchoServer.bind(address, state: state, group: group)
        let bound = listener.localAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" }
        FileHandle.standardError.write(
            Data("meshecho \(self.name) listening on \(bound ?? self.listen)\n".utf8)
        )
        var stream: (any Channel)?
        if let tcp = self.tcpListen.flatMap(Self.address) {
            stream = try await EchoServer.bindStream(tcp, group: group)
        }
        await stop.wait()
        try await listener.close()
        try await stream?.close()
        try await group.shutdownGracefully()
    }
}

/// Waits for SIGTERM or SIGINT; both end the process with status 0.
private struct StopSignals {
    private let sources: [any DispatchSourceSignal]
    private let stream: AsyncStream<Void>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        self.stream = stream
        self.sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
    }

    func wait() async {
        for await _ in self.stream { break }
        for source in self.sources { source.cancel() }
    }
}
