import CMeshSystem
import Foundation

@testable import MeshDataPlane

/// A real Redis on loopback, with nothing on disk; ends with the object.
final class RedisServer {
    let port: UInt16
    private let process = Process()

    /// Whether Debian's `redis-server` is there; tests that need it say so.
    static var isInstalled: Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/redis-server")
    }

    /// Starts one, and waits until it answers.
    init(_ arguments: [String] = [], securePort: UInt16? = nil) throws {
        self.port = try securePort ?? Self.freePort()
        self.process.executableURL = URL(fileURLWithPath: "/usr/bin/redis-server")
        let ports =
            securePort == nil
            ? ["--port", "\(self.port)"] : ["--port", "0", "--tls-port", "\(self.port)"]
        self.process.arguments =
            ports + ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"] + arguments
        self.process.standardOutput = FileHandle.nullDevice
        try self.process.run()
        let end = ContinuousClock.now.advanced(by: .seconds(10))
        while ContinuousClock.now < end {
            let connection = OutsideConnection("127.0.0.1", self.port, milliseconds: 1_000)
            if connection != nil { return }
            usleep(10_000)
        }
        throw CocoaError(.executableLoad)
    }

    deinit { self.stop() }

    /// Ends it.
    func stop() {
        guard self.process.isRunning else { return }
        kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> UInt16 {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let descriptor = mesh_listen(&address, 1, 0)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
        defer { close(descriptor) }
        _ = mesh_local_address(descriptor, &address)
        return address.port
    }

    /// Asks by `redis-cli`.
    func ask(_ command: String...) throws -> String {
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/redis-cli")
        client.arguments = ["-p", "\(self.port)"] + command
        let pipe = Pipe()
        client.standardOutput = pipe
        client.standardError = FileHandle.nullDevice
        try client.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        client.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
