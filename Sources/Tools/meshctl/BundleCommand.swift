import ArgumentParser
import Foundation
import MeshAdminClient
import MeshReports

/// Packs what helps somebody else to understand a mesh's trouble.
struct BundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Pack what every node says into one archive for support, without secrets.",
        discussion: """
            Per node, through the one that is asked: status, members, regions, health, which configuration it \
            runs, the history (who, when, why, not what), roll-out and upgrade, the \
            last events, metrics. Never in it: the configuration itself, credentials, certificates, tokens, keys of the ring. \
            Addresses, names of nodes and services, and messages of changes are in it: read it \
            before you send it.

            Exit status: 0 written; 1 it cannot be written; 2 written, but a node did not answer; 69 \
            no node answered.

            Example: meshctl bundle --file support.tar.gz
            """
    )

    @Option(help: "The archive to write.", completion: .file())
    var file = "meshgate-bundle.tar.gz"

    @OptionGroup var node: NodeOptions

    func run() async throws {
        guard !FileManager.default.fileExists(atPath: self.file) else {
            throw Failure(.failure, "\(self.file) is there already; give another --file")
        }
        var fleet = FleetClients(first: try self.node.client())
        let members = try await fleet.first.members()
        fleet.learn(members.members)
        let top = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-bundle-\(UUID().uuidString)")
        let folder = top.appendingPathComponent("meshgate-bundle")
        defer { try? FileManager.default.removeItem(at: top) }
        try Self.make(folder)
        let collected = try await fleet.each { node in
            // A name is no path.
            let safe = String((node.subject ?? "").map { $0 == "/" || $0 == "." ? "_" : $0 })
            return try await Self.collect(node, into: folder.appendingPathComponent(safe))
        }
        let answered = collected.filter { $0.value == true }.keys.sorted()
        let silent = collected.filter { $0.value != true }.keys.sorted()
        try Self.pack(top, into: self.file)
        Terminal.note(
            "\(self.file): \(answered.joined(separator: ", "))"
                + (silent.isEmpty ? "" : "; not all of \(silent.joined(separator: ", "))")
        )
        guard silent.isEmpty else { throw ExitCode.unclean }
    }

    private static func make(_ folder: URL) throws {
        try FileManager.default.createDirectory(
            at: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    /// What is asked of a node, by the file it goes into.
    private static let questions = [
        ("status.json", "/mesh/status"), ("members.json", "/mesh/members"),
        ("regions.json", "/mesh/regions"), ("health.json", "/mesh/health"),
        ("config-status.json", "/mesh/config/status"),
        ("history.json", "/mesh/config/history?size=100"),
        ("roll-out.json", "/mesh/config/roll-out"),
        ("upgrade.json", "/mesh/upgrade"), ("events.json", "/mesh/board"),
        ("metrics.txt", "/metrics"),
    ]

    /// Writes what one node says; `false` when it did not say all.
    private static func collect(_ client: AdminClient, into folder: URL) async throws -> Bool {
        try self.make(folder)
        var isComplete = true
        for (name, path) in Self.questions {
            do {
                let body = try await client.raw(path).body
                try Data(body.utf8).write(to: folder.appendingPathComponent(name))
            } catch AdminClientError.refused(404, _) {
                // There is no roll-out, or no upgrade.
            } catch is AdminClientError {
                isComplete = false
            }
        }
        return isComplete
    }

    private static func pack(_ folder: URL, into file: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "tar", "-C", folder.path, "-czf", URL(fileURLWithPath: file).path, "meshgate-bundle",
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(.failure, "\(file) cannot be written")
        }
    }
}
