import CMeshSystem
import Glibc

/// What signals do to the process before and beside ``SignalService``.
enum ProcessSignals {
    /// Signals that would end a process, and that nobody means to end a node by.
    private static let harmless = [
        SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGHUP, SIGIO, SIGPWR, SIGSTKFLT,
        SIGXFSZ, SIGXCPU,
    ]

    /// Makes sure that nothing but TERM, INT, QUIT, KILL and a fault of its own ends the node; call it
    /// first.
    ///
    /// A log reader that goes away, a full quota or a stray signal must not. As process 1 of a
    /// container the system buries the processes that were left to it.
    static func settle() {
        for number in Self.harmless { mesh_ignore_signal(number) }
        for number in mesh_first_real_time_signal()...mesh_last_real_time_signal() {
            mesh_ignore_signal(number)
        }
        mesh_ignore_signal(SIGCHLD)
    }
}
