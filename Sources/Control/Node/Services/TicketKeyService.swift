import MeshWire
import ServiceLifecycle
import Synchronization

/// Hands the data plane the secrets of session tickets, and new ones when a period ends.
///
/// The period comes from the wall clock, which all nodes have alike to within the period; a clock
/// that jumps is followed within a minute.
final class TicketKeyService: Service {
    private static let longestWait: UInt64 = 60_000

    private let schedule: Mutex<TicketSchedule>
    private let install: @Sendable (TicketSecrets) -> Void
    private let now: @Sendable () -> UInt64

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - schedule: when secrets change.
    ///   - install: takes the secrets of a period; must return quickly.
    ///   - now: wall-clock milliseconds.
    init(
        schedule: TicketSchedule,
        install: @escaping @Sendable (TicketSecrets) -> Void,
        now: @escaping @Sendable () -> UInt64
    ) {
        self.schedule = Mutex(schedule)
        self.install = install
        self.now = now
    }

    /// Goes on with another key ring, at once.
    func replace(_ keyRing: KeyRing) {
        self.schedule.withLock { schedule in
            schedule.keyRing = keyRing
            // Under the lock, so that no older secrets overtake.
            self.install(schedule.secrets(of: schedule.period(at: self.now())))
        }
    }

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var installed: UInt64?
            while !Task.isCancelled {
                let now = self.now()
                let (period, rest) = self.schedule.withLock { schedule in
                    let period = schedule.period(at: now)
                    if period != installed { self.install(schedule.secrets(of: period)) }
                    return (period, schedule.rest(at: now))
                }
                installed = period
                let wait = min(rest, Self.longestWait)
                try? await Task.sleep(for: .milliseconds(wait))
            }
        }
    }
}

/// When ticket secrets change.
struct TicketSchedule: Sendable {
    var keyRing: KeyRing
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
