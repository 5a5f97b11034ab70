import CMeshSystem
import Foundation
import Glibc

/// Starts the program that is on disk now as the successor of this process.
enum Successor {
    private static let flag = "--takeover"

    /// Starts it with the arguments of this process and `--takeover`.
    ///
    /// It is no child of this process, so that a supervisor can wait for its end as for its own child's.
    ///
    /// - Returns: its process.
    /// - Throws: ``Failure``.
    static func start() throws -> Int32 {
        let program = try Self.program()
        var arguments = CommandLine.arguments
        if !arguments.contains(Self.flag) { arguments.append(Self.flag) }
        // Sockets and watchdog of the supervisor were meant for this process.
        let own = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"]
        let environment = ProcessInfo.processInfo.environment.filter { !own.contains($0.key) }
            .map { "\($0.key)=\($0.value)" }
        let process = Self.withStrings(arguments) { arguments in
            Self.withStrings(environment) { environment in
                mesh_start_orphan(program, arguments, environment)
            }
        }
        guard process > 0 else { throw Failure(program: program, code: -process) }
        return process
    }

    /// The path this program was started from; another file may stand there now.
    private static func program() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { throw Failure(program: "/proc/self/exe", code: errno) }
        let text = String(
            decoding: path.prefix(count).map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        let removed = " (deleted)"
        return text.hasSuffix(removed) ? String(text.dropLast(removed.count)) : text
    }

    private static func withStrings<Result>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return body(copies)
    }

    /// Why no successor was started.
    struct Failure: Error, CustomStringConvertible {
        let program: String
        let code: Int32

        /// Program and reason.
        var description: String { "\(self.program): \(String(cString: strerror(self.code)))" }
    }
}
