import MeshWire
import ServiceLifecycle

/// Hands the data plane the secrets of session tickets, and new ones when a period ends.
///
/// The period comes from the wall clock, which all nodes have alike to within the period; a clock
/// that jumps is followed within a minute.
struct TicketKeyService: Service {
    private static let longestWait: UInt64 = 60_000

    let schedule: TicketSchedule
    /// Takes the secrets of a period; must return quickly.
    let install: @Sendable (TicketSecrets) -> Void
    /// Wall-clock milliseconds.
    let now: @Sendable () -> UInt64

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var installed: UInt64?
            while !Task.isCancelled {
                let now = self.now()
                let period = self.schedule.period(at: now)
                if period != installed { self.install(self.schedule.secrets(of: period)) }
                installed = period
                let wait = min(self.schedule.rest(at: now), Self.longestWait)
                try? await Task.sleep(for: .milliseconds(wait))
            }
        }
    }
}

/// When ticket secrets change.
struct TicketSchedule: Sendable {
    private let keyRing: KeyRing
    private let clusterName: String
    private let rotation: UInt64

    /// Creates a schedule; `rotation` is at least a second.
    init(keyRing: KeyRing, clusterName: String, rotation: Duration) {
        self.keyRing = keyRing
        self.clusterName = clusterName
        self.rotation = UInt64(max(1, rotation.components.seconds)) * 1_000
    }

    /// The period that a wall-clock time in milliseconds falls into.
    func period(at now: UInt64) -> UInt64 { now / self.rotation }

    /// Milliseconds until the next period, at least 1.
    func rest(at now: UInt64) -> UInt64 { self.rotation - now % self.rotation }

    /// The secrets of a period.
    func secrets(of period: UInt64) -> TicketSecrets {
        self.keyRing.ticketSecrets(period: period, clusterName: self.clusterName)
    }
}
