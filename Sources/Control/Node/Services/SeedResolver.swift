import Logging
import MeshPrimitives
import MeshReports
import MeshResolver
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Looks up the seeds' names.
///
/// A name without answer is logged when it fails first and when the reason changes, and stays in
/// ``failures`` until it resolves.
final class SeedResolver: Sendable {
    /// The seeds as they were written.
    let seeds: [String]
    private let own: Endpoint
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var failures: [String: String] = [:]
        var addresses: [Endpoint: String] = [:]
    }

    init(seeds: [String], own: Endpoint, logger: Logger) {
        self.seeds = seeds
        self.own = own
        self.logger = logger
    }

    /// Seeds whose name has no answer, with the reason.
    var failures: [(seed: String, reason: String)] {
        let failures = self.state.withLock { $0.failures }
        return failures.sorted { $0.key < $1.key }.map { (seed: $0.key, reason: $0.value) }
    }

    /// The seed as it was written whose address this is.
    func seed(at endpoint: Endpoint) -> String? {
        self.state.withLock { $0.addresses[endpoint] }
    }

    /// The addresses behind the seeds without the node's own; names without answer are left out.
    func resolve() async -> [Endpoint] {
        let resolver = HostResolver()
        var found: [Endpoint: String] = [:]
        var order: [Endpoint] = []
        for text in self.seeds {
            guard let seed = SeedAddress(text) else { continue }
            do {
                for address in try await resolver.addresses(of: seed.host).addresses {
                    let endpoint = Endpoint(address: address, port: seed.port)
                    guard endpoint != self.own, found[endpoint] == nil else { continue }
                    found[endpoint] = text
                    order.append(endpoint)
                }
                self.state.withLock { _ = $0.failures.removeValue(forKey: text) }
            } catch {
                self.note(text, "\(error)")
            }
        }
        self.state.withLock { [found] in $0.addresses = found }
        return order
    }

    private func note(_ seed: String, _ reason: String) {
        let before = self.state.withLock { $0.failures.updateValue(reason, forKey: seed) }
        guard before != reason else { return }
        self.logger.tell(
            .seedUnresolved,
            "seed does not resolve",
            ["seed": "\(seed)", "reason": "\(reason)"]
        )
    }
}

/// Looks the seeds up again and again, since addresses behind a name change.
struct SeedService: Service {
    /// Time between two look-ups: 30 s.
    private static let period = Duration.seconds(30)
    /// The same while a name has no answer: 5 s.
    private static let periodAfterFailure = Duration.seconds(5)

    let resolver: SeedResolver
    let cluster: ClusterService

    /// Runs until the node shuts down.
    func run() async throws {
        guard self.resolver.seeds.contains(where: { Endpoint($0) == nil }) else {
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isWhole = self.resolver.failures.isEmpty
                try? await Task.sleep(for: isWhole ? Self.period : Self.periodAfterFailure)
                let found = await self.resolver.resolve()
                if !found.isEmpty { await self.cluster.setSeeds(found) }
            }
        }
    }
}
