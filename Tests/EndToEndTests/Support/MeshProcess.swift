import Foundation
import Glibc

/// A program that runs until the test ends it, by pid.
@LoopbackActor
final class MeshProcess {
    /// How a program ended.
    enum Ending: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    let name: String
    let pid: pid_t
    let log: String
    private(set) var ending: Ending?

    /// Starts `executable`; what it prints goes to the end of the file `log`.
    init(
        _ name: String,
        executable: String,
        arguments: [String],
        environment: [String: String] = [:],
        log: String
    ) throws {
        self.name = name
        self.log = log
        let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TestFailure("\(log) cannot be opened") }
        defer { close(file) }
        var spawn = Spawn(executable: executable, arguments: arguments)
        spawn.environment = environment
        spawn.output = file
        spawn.errors = file
        self.pid = try spawn.start()
        ChildGuard.shared.add(self.pid)
    }

    var isRunning: Bool {
        guard self.ending == nil else { return false }
        var status: Int32 = 0
        guard waitpid(self.pid, &status, WNOHANG) == self.pid else { return true }
        self.ending = Self.ending(of: status)
        ChildGuard.shared.remove(self.pid)
        return false
    }

    /// Sends a signal, if the process still runs.
    func signal(_ number: Int32) {
        if self.isRunning { Glibc.kill(self.pid, number) }
    }

    /// Ends the process at once and returns when it is gone.
    func kill() {
        self.signal(SIGKILL)
        while self.isRunning { usleep(500) }
    }

    /// Waits until the process has ended by itself.
    func end(within seconds: Double) throws -> Ending {
        try found("\(self.name) should end", within: seconds, every: 0.01) {
            self.isRunning ? nil : self.ending
        }
    }

    /// The end of what the process has printed; of a crash, its beginning.
    var lastWords: String {
        let text = (try? String(contentsOfFile: self.log, encoding: .utf8)) ?? ""
        let crash = ["Fatal error", "\" crashed:\n"].compactMap { text.range(of: $0) }.first
        if let crash { return String(text[crash.lowerBound...].prefix(6_000)) }
        return String(text.suffix(2_000))
    }

    private static func ending(of status: Int32) -> Ending {
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
    }
}
