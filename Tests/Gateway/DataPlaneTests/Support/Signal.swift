import CMeshSystem
import Glibc

/// Set once, by the test, for its origin.
final class Signal: Sendable {
    private let descriptor = mesh_eventfd()

    deinit { close(self.descriptor) }

    func set() {
        mesh_eventfd_signal(self.descriptor)
    }

    /// Waits until it is set, thirty seconds at most; whether it was.
    @discardableResult
    func wait(milliseconds: Int32 = 30_000) -> Bool {
        var watched = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, milliseconds) > 0
    }
}

/// Waits until something holds; `false` after five seconds.
func eventually(_ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now.advanced(by: .seconds(5))
    while ContinuousClock.now < end {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return condition()
}

/// Waits on this very thread until something is there, so that busy tests beside do not matter; `nil`
/// after ten seconds.
func awaited<Value>(_ find: () -> Value?) -> Value? {
    for _ in 0..<2_000 {
        if let value = find() { return value }
        usleep(5_000)
    }
    return find()
}
