internal import MeshPlugins
internal import Synchronization

/// Asks servers outside by HTTP on threads of its own, over connections that are kept.
final class OutsideClient: PluginClient {
    /// Threads in all: so many questions are open at once, others wait.
    private static let threadCount = 32
    /// Most idle connections to one server.
    private static let idleLimit = 32
    /// Most servers whose connections are kept.
    private static let endpointLimit = 256

    private let threads = OutsideThreads(count: OutsideClient.threadCount)
    private let idle = Mutex<[HTTPLogEndpoint: [OutsideHTTP]]>([:])

    func ask(
        _ endpoint: HTTPLogEndpoint,
        _ request: [UInt8],
        byteLimit: Int,
        _ done: @escaping @Sendable (OutsideAnswer?) -> Void
    ) -> Bool {
        self.threads.run {
            let kept = self.take(endpoint) ?? OutsideHTTP(endpoint)
            let answer = kept.ask(
                request,
                milliseconds: endpoint.milliseconds,
                byteLimit: byteLimit
            )
            if answer != nil { self.keep(kept, endpoint) }
            done(answer)
        }
    }

    /// Ends the threads.
    func stop() { self.threads.stop() }

    private func take(_ endpoint: HTTPLogEndpoint) -> OutsideHTTP? {
        self.idle.withLock { $0[endpoint]?.popLast() }
    }

    private func keep(_ kept: OutsideHTTP, _ endpoint: HTTPLogEndpoint) {
        self.idle.withLock { idle in
            if idle.count >= Self.endpointLimit, idle[endpoint] == nil { idle = [:] }
            guard idle[endpoint, default: []].count < Self.idleLimit else { return }
            idle[endpoint, default: []].append(kept)
        }
    }
}
