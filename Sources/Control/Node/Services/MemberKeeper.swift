import Logging
import MeshListening
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshStorage
import MeshTransport
import ServiceLifecycle

/// Keeps the known members on disk, so that a restarted node finds its mesh without seeds.
///
/// Who is in the mesh also says on how many nodes a write has to be, so that a member that comes or
/// goes is saved within a second; what else changes waits.
struct MemberKeeper: Service {
    /// Time between two looks at who is there.
    private static let period = Duration.seconds(1)
    /// Looks after which everything is saved that has changed in any way.
    private static let looks = 10

    let cluster: ClusterService
    let store: NodeStore
    let listeners: ListenerSet
    let logger: Logger

    /// Runs until the node shuts down, and saves once more then.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var saved: [MemberUpdate] = []
            for look in 1... {
                try? await Task.sleep(for: Self.period)
                guard !Task.isCancelled else { return }
                let members = await self.cluster.knownMembers()
                // A tombstone that only got older need not be saved.
                let isOther =
                    look.isMultiple(of: Self.looks)
                    ? members.map(\.ageless) != saved.map(\.ageless)
                    : Set(members.map(\.subject)) != Set(saved.map(\.subject))
                guard isOther else { continue }
                await self.save(members)
                saved = members
            }
        }
        await self.save(await self.cluster.knownMembers())
    }

    private func save(_ members: [MemberUpdate]) async {
        // The store is the successor's then.
        guard !self.listeners.isHandedOver else { return }
        do {
            let store = self.store
            try await store.disk.run {
                try store.saveKnownMembers(
                    members,
                    wallMilliseconds: NodeClock.wallMilliseconds
                )
            }
        } catch {
            self.logger.tell(.membersUnsaved, "members not saved", ["reason": "\(error)"])
        }
    }
}

extension MemberUpdate {
    /// The news without its age.
    fileprivate var ageless: MemberUpdate {
        switch self {
        case .record(let signed, _): return .record(signed)
        case .accusation(var accusation):
            accusation.age = 0
            return .accusation(accusation)
        }
    }
}
