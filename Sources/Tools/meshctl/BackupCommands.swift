import ArgumentParser
import Foundation
import MeshAdminClient
import MeshReports

/// Writes the whole mesh into one file.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write configuration, history and members of the mesh into one file.",
        discussion: """
            Any node may be asked; it has all of it. The file holds private keys of certificates \
            and has mode 0600. With --with-keys it also holds the gossip keys: whoever has it can \
            join the mesh.

            Exit status: 0 written; 1 the file exists, or cannot be written; 69 the node did not \
            answer.

            Example: meshctl backup meshgate-2026-11-20.json
            """
    )

    @Argument(help: "The file to write; - is standard output.", completion: .file())
    var file: String

    @OptionGroup var node: NodeOptions

    @Flag(help: "Put the key ring into it.")
    var withKeys = false

    @Flag(help: "Write over a file that exists.")
    var force = false

    func run() async throws {
        let client = try self.node.client(timeout: .seconds(60))
        let (report, bytes) = try await client.backup(withKeys: self.withKeys)
        if self.file == "-" {
            Terminal.result(String(decoding: bytes, as: UTF8.self) + "\n")
        } else {
            try SecretFile.write(bytes, to: self.file, replacing: self.force)
        }
        Terminal.note(
            "backup of \(report.config.version) \(report.config.hash.prefix(8)): "
                + "\(report.changesets.count) changesets"
                + (report.checkpoint.isEmpty ? "" : " after a checkpoint")
                + ", \(report.members.count) members, "
                + (self.withKeys ? "with keys" : "without keys") + ", \(bytes.count) bytes"
        )
    }
}

/// Brings the mesh back from a file.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring configuration and history back from a backup.",
        discussion: """
            A mesh without a configuration takes over what the file holds, history included. With \
            --replace a mesh that has one gets a new changeset with the configuration of the file, \
            and keeps its own history. --keyring-to only writes the key ring of the file into a \
            file, and asks no node.

            Exit status: 0 live on the nodes waited for; 1 refused, as when there is a \
            configuration; 65 the file is no backup; 69 the node did not answer; 75 restored, but \
            not live everywhere in time.

            Example: meshctl restore meshgate-2026-11-20.json
            """
    )

    @Argument(help: "The file that meshctl backup wrote.", completion: .file())
    var file: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Why, for the others.")
    var message = ""

    @Flag(help: "Replace the configuration that there is, by a new changeset.")
    var replace = false

    @Option(
        help: ArgumentHelp("Write the key ring of the backup here.", valueName: "file"),
        completion: .file()
    )
    var keyringTo: String?

    func run() async throws {
        let text = try DeclarativeInput.read(self.file)
        guard let backup = try? ReportJSON.decode(BackupReport.self, from: Data(text.utf8)) else {
            throw Failure(.invalidInput, "\(self.file) is no backup; make one: meshctl backup")
        }
        if let path = self.keyringTo {
            guard let keys = backup.keyRing else {
                throw Failure(
                    .invalidInput,
                    "\(self.file) holds no keys; it was made without --with-keys"
                )
            }
            return try SecretFile.write(Array(keys.utf8), to: path, replacing: false)
        }
        let client = try self.node.client(timeout: .seconds(60))
        let report = try await client.restore(
            text,
            replacing: self.replace,
            message: self.message
        )
        let members = backup.members.map { "\($0.name) \($0.address)" }
        Terminal.note("members then: \(members.joined(separator: ", "))")
        try await Settlement(client: client, options: self.waiting, output: self.output)
            .finish(report, "restored")
    }
}

/// Writes what only its owner may read.
enum SecretFile {
    /// Writes a file of mode 0600, whole or not at all.
    static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws {
        guard replacing || !FileManager.default.fileExists(atPath: path) else {
            throw Failure(.failure, "\(path) exists; nothing was written, choose another name")
        }
        let draft = "\(path).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(.failure, "\(path) cannot be written; is there room, and leave?")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(bytes))
            try file.synchronize()
            guard rename(draft, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            unlink(draft)
            throw Failure(.failure, "\(path) cannot be written; is there room, and leave?")
        }
    }
}
