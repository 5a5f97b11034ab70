import Foundation
import Logging
import MeshAdmin
import MeshPrimitives
import MeshTLS
import Testing

/// A real listener on a free port of loopback for the time of `body`.
func withServer(
    _ node: FakeNode = FakeNode(),
    surface: AdminServerConfiguration.Surface = .admin,
    keepAlive: Duration = .milliseconds(50),
    tls: TLSServerContext? = nil,
    credentials: AdminCredentials? = nil,
    security: AdminSecurity? = nil,
    patience: Duration = .seconds(30),
    _ body: (Endpoint) async throws -> Void
) async throws {
    var configuration = AdminServerConfiguration(
        place: .address(Endpoint(address: .v4(0x7F00_0001), port: 0)),
        surface: surface
    )
    configuration.keepAliveInterval = keepAlive
    configuration.security = security ?? AdminSecurity(tls: tls, credentials: credentials)
    configuration.headTimeout = patience
    configuration.bodyTimeout = patience
    configuration.idleTimeout = patience
    try await withListener(configuration, node) { place in
        try await body(try #require(place))
    }
}

/// A real listener for the time of `body`, which is told its address, `nil` for a unix socket.
func withListener(
    _ configuration: AdminServerConfiguration,
    _ node: FakeNode = FakeNode(),
    _ body: (Endpoint?) async throws -> Void
) async throws {
    let (bound, continuation) = AsyncStream.makeStream(of: Endpoint?.self)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = AdminServer(configuration: configuration, node: node, logger: logger) {
        continuation.yield($0)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        defer { group.cancelAll() }
        for await endpoint in bound {
            try await body(endpoint)
            return
        }
    }
}

/// What the real `curl` prints: status, headers and body.
struct Curl {
    let status: Int
    let headers: [String: String]
    let body: String

    init(_ endpoint: Endpoint, _ path: String, _ arguments: String...) async throws {
        try await self.init(endpoint, path, with: arguments)
    }

    init(_ endpoint: Endpoint, _ path: String, with arguments: [String]) async throws {
        let url = path.contains("://") ? path : "http://\(endpoint)\(path)"
        let all = ["curl", "-sS", "-i", "--max-time", "10", url] + arguments
        let text = try await Self.output(of: all)
        let gap = try #require(text.range(of: "\n\n"))
        let lines = text[..<gap.lowerBound].split(separator: "\n")
        self.status = Int(try #require(lines.first).split(separator: " ")[1]) ?? 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            headers[pair[0].lowercased()] = pair[1].trimmingCharacters(in: .whitespaces)
        }
        self.headers = headers
        self.body = String(text[gap.upperBound...])
    }

    /// Blocks no thread, since the server under test needs them.
    private static func output(of arguments: [String]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        return String(decoding: data, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
    }
}

/// The exit status of a command; blocks no thread meanwhile.
func exitStatus(of arguments: [String]) async throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    try await withCheckedThrowingContinuation { continuation in
        process.terminationHandler = { _ in continuation.resume() }
        do {
            try process.run()
        } catch {
            process.terminationHandler = nil
            continuation.resume(throwing: error)
        }
    }
    return process.terminationStatus
}
