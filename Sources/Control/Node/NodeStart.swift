import Foundation
import Logging
import MeshDataPlane
import MeshListening
import MeshReports
import MeshStorage
public import MeshWire

/// Everything between the command line and a running node: files, environment, log, exit status.
public struct NodeStart: Sendable {
    private let file: String?
    private let flags: [String: String]
    private let isDevelopment: Bool
    private let takesOver: Bool
    private let wire: WireDialect

    /// Prepares a start.
    ///
    /// - Parameters:
    ///   - file: path of the settings file, if there is one.
    ///   - flags: dotted setting to value.
    ///   - isDevelopment: a mesh of one on 127.0.0.1 that needs no file and leaves none.
    ///   - takesOver: whether the node is taken over from a process that runs it.
    ///   - wire: the protocol versions that the build speaks.
    public init(
        file: String?,
        flags: [String: String],
        isDevelopment: Bool,
        takesOver: Bool,
        wire: WireDialect = .current
    ) {
        self.wire = wire
        self.file = file
        self.flags = flags
        self.isDevelopment = isDevelopment
        self.takesOver = takesOver
    }

    /// A key ring with one fresh key, in its text form.
    public static func newKeyRing() -> String { KeyRing.generated().text }

    /// Runs the node to its end; says on standard error why it could not.
    ///
    /// - Returns: the exit status: 0 clean, 1 failed, 75 requests were cut, 78 unusable settings.
    public func run() async -> Int32 {
        ProcessSignals.settle()
        ReadingMemory.begin()
        let environment = ProcessInfo.processInfo.environment
        let hostName = ProcessInfo.processInfo.hostName
        let prepared: Prepared
        do {
            prepared = try self.prepare(hostName: hostName)
        } catch {
            Self.complain(error.description)
            return 78
        }
        defer {
            if let directory = prepared.temporaryDirectory {
                try? FileManager.default.removeItem(atPath: directory)
            }
        }
        var logger = Logger(label: "meshd") { StandardErrorLog(label: $0) }
        logger.logLevel = Logger.Level(rawValue: prepared.settings.logLevel) ?? .info
        do {
            let succession = try self.succession(of: prepared.settings, logger)
            let given = InheritedSocket.fromSupervisor(environment, process: getpid())
            let node = GatewayNode(
                settings: prepared.settings,
                keyRing: prepared.keyRing,
                origin: GatewayNode.Origin(
                    hostName: hostName,
                    supervisor: Supervisor(environment: environment),
                    sockets: given + (succession?.sockets ?? []),
                    succession: succession,
                    wire: self.wire
                ),
                logger: logger,
                rereadAdmin: { try Self.withFiles(prepared.settings.admin) },
                welcome: self.isDevelopment ? DevelopmentNode.welcome(prepared.settings) : nil
            )
            let cut = try await node.run(firstConfiguration: prepared.firstConfiguration)
            return cut > 0 ? 75 : 0
        } catch let error as StorageError {
            Self.complain(error.description)
            return 78
        } catch let error as SettingsError {
            Self.complain(error.description)
            return 78
        } catch {
            Self.complain("\(error)")
            return 1
        }
    }

    /// The taking over that was asked for; `nil` when no process runs the node, or none was asked for.
    private func succession(
        of settings: NodeSettings,
        _ logger: Logger
    ) throws(Succession.Failure) -> Succession? {
        guard self.takesOver else { return nil }
        let found = try Succession.begin(directory: settings.node.dataDirectory)
        if found == nil { logger.tell(.usualStart, "no process runs the node: a usual start") }
        return found
    }

    private struct Prepared {
        var settings: NodeSettings
        var keyRing: KeyRing
        var firstConfiguration: (name: String, text: String)?
        var temporaryDirectory: String?
    }

    private func prepare(hostName: String) throws(SettingsError) -> Prepared {
        var settings: NodeSettings
        var temporary: String?
        if self.isDevelopment {
            let path = FileManager.default.temporaryDirectory
                .appendingPathComponent("meshgate-dev-\(ProcessInfo.processInfo.processIdentifier)")
                .path
            settings = try DevelopmentNode.vacant { (address) throws(SettingsError) in
                try self.settings(
                    hostName,
                    DevelopmentNode.settings(directory: path, address: address)
                )
            }
            if settings.node.dataDirectory == path { temporary = path }
        } else {
            settings = try self.settings(hostName, [:])
        }
        settings.proxy.dataPlane = try settings.proxy.loaded { (path) throws(SettingsError) in
            if path == settings.proxy.files.key {
                try Self.checkSecrecy("proxy.tls_key", path, 0o007)
            }
            return try Self.text(of: path)
        }
        settings.admin = try Self.withFiles(settings.admin)
        var prepared = Prepared(
            settings: settings,
            keyRing: try self.keyRing(settings),
            firstConfiguration: nil,
            temporaryDirectory: temporary
        )
        if let path = settings.configurationFile {
            prepared.firstConfiguration = (path, try Self.text(of: path))
        } else if self.isDevelopment {
            prepared.firstConfiguration = ("sample", DevelopmentNode.sampleConfiguration)
        }
        return prepared
    }

    private func settings(
        _ hostName: String,
        _ defaults: [String: String]
    ) throws(SettingsError) -> NodeSettings {
        var file: (name: String, text: String)?
        if let path = self.file { file = (path, try Self.text(of: path)) }
        return try SettingsReader.read(
            file: file,
            environment: ProcessInfo.processInfo.environment,
            flags: self.flags,
            hostName: Self.shortName(hostName),
            defaults: defaults
        )
    }

    /// The settings with what their files hold now.
    private static func withFiles(
        _ settings: AdminSettings
    ) throws(SettingsError) -> AdminSettings {
        try settings.loaded { (field, path, isSecret) throws(SettingsError) in
            if isSecret { try Self.checkSecrecy(field, path, 0o007) }
            return try Self.text(of: path)
        }
    }

    private func keyRing(_ settings: NodeSettings) throws(SettingsError) -> KeyRing {
        guard let path = settings.gossip.keyring else {
            guard self.isDevelopment else {
                throw SettingsError.missing(
                    field: "gossip.keyring",
                    remedy:
                        "make one with 'meshd keyring', give it to every node, and name its file"
                )
            }
            return KeyRing.generated()
        }
        // A group of its own may read it: so supervisors hand over secrets.
        try Self.checkSecrecy("gossip.keyring", path, 0o037)
        let text = try Self.text(of: path)
        do {
            return try KeyRing(parsing: text)
        } catch {
            throw .unreadable(file: path, reason: error.description)
        }
    }

    /// Refuses a secret's file that others can read.
    private static func checkSecrecy(
        _ field: String,
        _ path: String,
        _ forbidden: Int
    ) throws(SettingsError) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let mode = attributes?[.posixPermissions] as? Int, mode & forbidden != 0 else {
            return
        }
        throw SettingsError.conflict(
            field: field,
            value: "\(path) with mode \(String(mode, radix: 8))",
            remedy: "others can read it; chmod 600 it"
        )
    }

    private static func text(of path: String) throws(SettingsError) -> String {
        guard let content = FileManager.default.contents(atPath: path) else {
            throw SettingsError.unreadable(
                file: path,
                reason: "cannot be read; check path and mode"
            )
        }
        guard let text = String(data: content, encoding: .utf8) else {
            throw SettingsError.unreadable(file: path, reason: "is not UTF-8")
        }
        return text
    }

    /// The host name up to its first dot, if that can be a member's name, else `node`.
    private static func shortName(_ hostName: String) -> String {
        let short = String(hostName.prefix { $0 != "." })
        return SettingKey.isName(short) ? short : "node"
    }

    private static func complain(_ text: String) {
        let lines = text.split(separator: "\n").map { "meshd: \($0)\n" }.joined()
        try? FileHandle.standardError.write(contentsOf: Data(lines.utf8))
    }
}
