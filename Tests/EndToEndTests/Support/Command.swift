import Glibc

/// A program that is run to its end.
@LoopbackActor
enum Command {
    struct Output {
        let status: Int32
        let out: String
        let errors: String
    }

    /// Runs a program and collects what it prints, at most 16 MiB of each.
    ///
    /// - Throws: ``TestFailure`` when it cannot be started or has not ended in time; it is killed.
    static func run(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        within seconds: Double = 30
    ) throws -> Output {
        let out = try Pipe()
        let errors = try Pipe()
        var spawn = Spawn(executable: executable, arguments: arguments)
        spawn.environment = environment
        spawn.output = out.writing
        spawn.errors = errors.writing
        let pid = try spawn.start()
        ChildGuard.shared.add(pid)
        defer { ChildGuard.shared.remove(pid) }
        out.closeWriting()
        errors.closeWriting()
        let deadline = Clock.now + seconds
        let texts = Self.read([out, errors], until: deadline)
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if Clock.now >= deadline {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                throw TestFailure(
                    "\(executable) \(arguments.joined(separator: " ")) ran over \(seconds) s"
                )
            }
            usleep(1_000)
        }
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return Output(status: code, out: texts[0], errors: texts[1])
    }

    private static func read(_ pipes: [Pipe], until deadline: Double) -> [String] {
        var contents = [[UInt8]](repeating: [], count: pipes.count)
        var open = Set(pipes.indices)
        var piece = [UInt8](repeating: 0, count: 65_536)
        while !open.isEmpty, Clock.now < deadline {
            let order = open.sorted()
            var waits = order.map {
                pollfd(fd: pipes[$0].reading, events: Int16(POLLIN), revents: 0)
            }
            poll(&waits, nfds_t(waits.count), 100)
            for (wait, index) in zip(waits, order) where wait.revents != 0 {
                let count = Glibc.read(pipes[index].reading, &piece, piece.count)
                if count <= 0 {
                    open.remove(index)
                } else if contents[index].count < 16 << 20 {
                    contents[index] += piece[..<count]
                }
            }
        }
        return contents.map { String(decoding: $0, as: UTF8.self) }
    }

    @LoopbackActor
    private final class Pipe {
        let reading: Int32
        private(set) var writing: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw TestFailure("no pipe") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            self.reading = ends[0]
            self.writing = ends[1]
        }

        func closeWriting() {
            close(self.writing)
            self.writing = -1
        }

        deinit {
            close(self.reading)
            if self.writing >= 0 { close(self.writing) }
        }
    }
}
