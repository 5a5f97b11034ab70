import Glibc

/// How a program is started: with nothing of this process open but what is named here.
struct Spawn {
    var executable: String
    var arguments: [String]
    var environment: [String: String] = [:]
    /// Descriptor that becomes standard input; none is an empty input.
    var input: Int32?
    /// Descriptor that becomes standard output; none is thrown away.
    var output: Int32?
    /// Descriptor that becomes standard error; none is thrown away.
    var errors: Int32?

    init(executable: String, arguments: [String], input: Int32? = nil) {
        self.executable = executable
        self.arguments = arguments
        self.input = input
    }

    /// Starts the program.
    ///
    /// - Returns: its pid.
    /// - Throws: ``TestFailure`` when the system refuses.
    func start() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [(0, self.input), (1, self.output), (2, self.errors)] {
            if let source {
                posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
            } else {
                let mode = target == 0 ? O_RDONLY : O_WRONLY
                posix_spawn_file_actions_addopen(&actions, Int32(target), "/dev/null", mode, 0)
            }
        }
        try Self.closeTheRest(&actions)
        let inherited = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"].compactMap { name in
            Self.environmentEntry(name)
        }
        let own = self.environment.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let result = Self.withStrings([self.executable] + self.arguments) { arguments in
            Self.withStrings(inherited + own) { environment in
                posix_spawn(&pid, self.executable, &actions, nil, arguments, environment)
            }
        }
        guard result == 0 else {
            throw TestFailure("\(self.executable): \(String(cString: strerror(result)))")
        }
        return pid
    }

    /// Keeps sockets of other tests out of the program; glibc has it, its Swift module has not.
    private static func closeTheRest(_ actions: inout posix_spawn_file_actions_t) throws {
        typealias CloseFrom =
            @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        guard let address = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
            throw TestFailure("glibc is older than 2.34")
        }
        _ = unsafeBitCast(address, to: CloseFrom.self)(&actions, 3)
    }

    private static func environmentEntry(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return "\(name)=" + String(cString: value)
    }

    private static func withStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeBufferPointer { buffer in
            // An array that ends with nil is never empty, so its address exists.
            guard let address = buffer.baseAddress else { fatalError("no strings") }
            return body(address)
        }
    }
}
