import Logging
import MeshStorage
import MeshTransport
import ServiceLifecycle

/// Keeps the known members on disk, so that a restarted node finds its mesh without seeds.
struct MemberKeeper: Service {
    private static let period = Duration.seconds(10)

    let cluster: ClusterService
    let store: NodeStore
    let logger: Logger

    /// Runs until the node shuts down, and saves once more then.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                await self.save()
            }
        }
        await self.save()
    }

    private func save() async {
        do {
            let members = await self.cluster.knownMembers()
            let store = self.store
            try await store.disk.run { try store.saveKnownMembers(members) }
        } catch {
            self.logger.warning("members not saved", metadata: ["reason": "\(error)"])
        }
    }
}
