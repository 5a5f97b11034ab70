import MeshPrimitives
import ServiceLifecycle

/// Keeps the entities' directory near what the store holds.
///
/// Reading 10,000 routes into it takes a third of a second of processor time, which the first to ask
/// after a load would wait for.
struct DirectoryService: Service {
    /// Time from a change until it is read, so that activations come first, those of other nodes on the
    /// same machine too: 4 s.
    private static let rest: Duration = .seconds(4)

    let directory: EntityDirectory
    private let bell = Doorbell()

    init(_ directory: EntityDirectory) { self.directory = directory }

    /// Says that the configuration may have changed; returns at once.
    func configurationChanged() { self.bell.ring() }

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while await self.bell.wait(until: nil) {
                guard (try? await Task.sleep(for: Self.rest)) != nil else { return }
                _ = await self.directory.held()
            }
        }
    }
}
