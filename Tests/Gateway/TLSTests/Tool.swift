import Foundation
import Testing

/// A running program of another make, with pipes to its input and from its outputs.
///
/// `timeout` of coreutils ends it after 20 seconds, so every wait ends.
struct Tool {
    /// What a program has printed and how it ended.
    struct Outcome {
        let status: Int32
        let output: String
    }

    let process: pid_t
    let input: Int32
    let output: Int32

    /// Starts a program; both of its outputs are joined.
    init(_ words: [String], in folder: URL? = nil) throws {
        let (source, sink) = try (Self.pipe(), Self.pipe())
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, source.reading, 0)
        posix_spawn_file_actions_adddup2(&actions, sink.writing, 1)
        posix_spawn_file_actions_adddup2(&actions, sink.writing, 2)
        let place = folder.map { ["env", "-C", $0.path()] } ?? []
        var arguments = (["timeout", "20"] + place + words).map { strdup($0) } + [nil]
        var environment = [strdup("PATH=/usr/bin:/bin"), nil]
        defer { for text in arguments + environment { free(text) } }
        // Threads of Dispatch block all signals, and a program would never see its SIGTERM.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var process: pid_t = 0
        let failure = posix_spawnp(
            &process,
            "timeout",
            &actions,
            &attributes,
            &arguments,
            &environment
        )
        close(source.reading)
        close(sink.writing)
        try #require(failure == 0)
        self.process = process
        self.input = source.writing
        self.output = sink.reading
    }

    /// Runs a program to its end with `input` on its standard input.
    @discardableResult
    static func run(
        _ words: [String],
        input: String = "",
        in folder: URL? = nil
    ) throws -> Outcome {
        let tool = try Tool(words, in: folder)
        let bytes = Array(input.utf8)
        _ = send(tool.input, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        close(tool.input)
        var output: [UInt8] = []
        while case let more = tool.read(), !more.isEmpty { output += more }
        return Outcome(status: tool.wait(), output: String(decoding: output, as: UTF8.self))
    }

    /// What it prints next; empty at the end.
    func read() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(self.output, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    /// Ends it, unless it has ended.
    func stop() {
        close(self.input)
        kill(self.process, SIGTERM)
        _ = self.wait()
    }

    /// Waits for its end: its exit status, or -1 after a signal.
    private func wait() -> Int32 {
        close(self.output)
        var status: Int32 = 0
        while waitpid(self.process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }

    /// Not inherited by programs that other tests start meanwhile, as `pipe` would be.
    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        return (ends[0], ends[1])
    }
}
