import Glibc

/// A shell that ends what a test has started, should the test process itself be ended.
///
/// It is told every pid through a pipe; when the pipe closes for whatever reason, it kills those
/// that were not taken back.
final class ChildGuard: Sendable {
    static let shared = ChildGuard()

    private static let script = """
        trap '' INT TERM HUP
        pids=
        while read -r sign pid; do
          case $sign in
            +) pids="$pids $pid" ;;
            -) rest=; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done; pids=$rest ;;
          esac
        done
        [ -z "$pids" ] || kill -9 $pids
        """

    private let inlet: Int32

    private init() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        self.inlet = ends[1]
        _ = try? Spawn(executable: "/bin/sh", arguments: ["-c", Self.script], input: ends[0])
            .start()
        close(ends[0])
    }

    func add(_ pid: pid_t) { self.tell("+ \(pid)\n") }

    func remove(_ pid: pid_t) { self.tell("- \(pid)\n") }

    private func tell(_ line: String) {
        let bytes = Array(line.utf8)
        _ = write(self.inlet, bytes, bytes.count)
    }
}
