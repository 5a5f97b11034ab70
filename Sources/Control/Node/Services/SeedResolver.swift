import MeshPrimitives
import MeshResolver
import MeshTransport
import ServiceLifecycle

/// Looks up the seeds' names again and again, since addresses behind a name change.
struct SeedResolver: Service {
    private static let period = Duration.seconds(30)

    let seeds: [String]
    let cluster: ClusterService

    /// Runs until the node shuts down.
    func run() async throws {
        guard self.seeds.contains(where: { Endpoint($0) == nil }) else {
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                let found = await Self.resolve(self.seeds, excluding: nil)
                if !found.isEmpty { await self.cluster.setSeeds(found) }
            }
        }
    }

    /// The addresses behind the seeds without the node's own; names without answer are left out.
    static func resolve(_ seeds: [String], excluding own: Endpoint?) async -> [Endpoint] {
        let resolver = HostResolver()
        var found: [Endpoint] = []
        for seed in seeds.compactMap(SeedAddress.init) {
            let host = try? await resolver.addresses(of: seed.host)
            found += host?.addresses.map { Endpoint(address: $0, port: seed.port) } ?? []
        }
        return found.filter { $0 != own }
    }
}
