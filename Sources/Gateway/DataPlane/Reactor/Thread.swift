internal import CMeshSystem
internal import Glibc

/// A system thread that runs one reactor until its loop returns.
///
/// Made by a free function outside any actor: a closure given to `pthread_create` from main-actor
/// code would be taken for main-actor code and trap on the new thread.
struct ReactorThread: Sendable {
    private let identity: pthread_t

    fileprivate init(identity: pthread_t) { self.identity = identity }

    /// Lets a write to a connection that has ended fail, on this thread, instead of ending the process.
    fileprivate static func ignoreBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Waits until the thread has ended; call once.
    func join() { pthread_join(self.identity, nil) }
}

private final class ThreadBody {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread named `name` (15 bytes are kept); `nil` when the system refuses.
nonisolated func startReactorThread(
    name: String,
    _ run: @escaping @Sendable () -> Void
) -> ReactorThread? {
    var identity = pthread_t()
    let body = Unmanaged.passRetained(ThreadBody(run: run))
    let status = pthread_create(
        &identity,
        nil,
        { argument in
            guard let argument else { return nil }
            ReactorThread.ignoreBrokenPipes()
            Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        },
        body.toOpaque()
    )
    guard status == 0 else {
        body.release()
        return nil
    }
    _ = mesh_thread_name(identity, String(name.prefix(15)))
    return ReactorThread(identity: identity)
}
