import Foundation
import Glibc

/// One meshd with its addresses and its directory.
@LoopbackActor
final class TestNode {
    let name: String
    let region: String
    let proxy: Place
    let admin: Place
    let status: Place
    let gossip: Place
    let directory: String
    /// Further settings of `admin:`, such as `socket: /run/m.sock`.
    var adminSettings: [String] = []
    /// What the process finds in its environment.
    var environment: [String: String] = [:]
    private(set) var process: MeshProcess?

    /// Chooses ports and makes the directory; starts nothing.
    init(_ name: String, region: String, address: String, directory: String) throws {
        self.name = name
        self.region = region
        let ports = try FreePorts.draw(4, at: address).map { Place(address: address, port: $0) }
        (self.proxy, self.admin) = (ports[0], ports[1])
        (self.status, self.gossip) = (ports[2], ports[3])
        self.directory = "\(directory)/\(name)"
        try FileManager.default.createDirectory(
            atPath: self.directory,
            withIntermediateDirectories: true
        )
    }

    var ctl: Ctl { Ctl(admin: self.admin.url) }
    var isRunning: Bool { self.process?.isRunning ?? false }

    /// Starts the node, if it does not run.
    func start(seeds: [Place], keyRing: String, cluster: String = "end-to-end") throws {
        guard !self.isRunning else { return }
        let file = "\(self.directory)/node.yml"
        let seeds = seeds.map { "\"\($0)\"" }.joined(separator: ", ")
        try """
        node: { name: \(self.name), region: \(self.region), data_dir: \(self.directory)/data }
        proxy:
          listen: ["\(self.proxy)"]
          tls_listen: []
          workers: 1
          access_log: \(self.directory)/access.log
        admin: { \((["listen: \"\(self.admin)\""] + self.adminSettings).joined(separator: ", ")) }
        status: { listen: "\(self.status)" }
        gossip:
          bind: "\(self.gossip)"
          seeds: [\(seeds)]
          keyring: \(keyRing)
          cluster: \(cluster)
          profile: local
        """.write(toFile: file, atomically: true, encoding: .utf8)
        self.process = try MeshProcess(
            self.name,
            executable: Binaries.meshd,
            arguments: ["run", "--config", file],
            environment: self.environment,
            log: "\(self.directory)/log"
        )
    }

    /// Starts a process that takes the node over, with further arguments.
    ///
    /// - Returns: the process before; ``process`` is the new one.
    func takeOver(_ arguments: [String] = []) throws -> MeshProcess {
        guard let before = self.process else { throw TestFailure("\(self.name) does not run") }
        self.process = try self.another(["--takeover"] + arguments)
        return before
    }

    /// Starts another process with the node's settings and further arguments.
    func another(_ arguments: [String] = []) throws -> MeshProcess {
        try MeshProcess(
            self.name,
            executable: Binaries.meshd,
            arguments: ["run", "--config", "\(self.directory)/node.yml"] + arguments,
            environment: self.environment,
            log: "\(self.directory)/log"
        )
    }

    /// Waits until the Admin API answers.
    func awaitAnswer() throws {
        try eventually("\(self.name) should answer", within: 20) {
            guard self.isRunning else {
                throw TestFailure("it has ended: \(self.process?.lastWords ?? "")")
            }
            return try Curl.get("\(self.admin.url)/status").status == 200
        }
    }

    /// Waits until the members that the node knows now are on its disk: they are saved each second.
    func awaitSavedMembers() throws {
        let uptime = {
            try Curl.get("\(self.admin.url)/mesh/status").json()["uptime_seconds"].number ?? 0
        }
        let first = try uptime()
        try eventually("\(self.name) should have looked at its members", within: 10) {
            try uptime() > first + 2
        }
    }

    func kill() { self.process?.kill() }

    /// The members this node knows, by name.
    func members() throws -> [String: JSON] {
        let report = try Curl.get("\(self.admin.url)/mesh/members").json()
        return Dictionary(
            report["members"].items.map { ($0["name"].text ?? "", $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// What this node thinks of a member, such as `alive` or `failed`.
    func state(of name: String) throws -> String? { try self.members()[name]?["state"].text }

    /// Hash of the configuration this node routes by.
    func configurationHash() throws -> String? {
        try Curl.get("\(self.admin.url)/status").json()["configuration_hash"].text
    }

    /// Targets of the upstream `demo` that this node does not choose.
    func excludedTargets() throws -> Set<String> {
        let report = try Curl.get("\(self.admin.url)/mesh/health/demo").json()
        return Set(
            report["upstreams"][0]["targets"].items.filter { $0["verdict"].text == "excluded" }
                .compactMap { $0["target"].text }
        )
    }

    /// Finished requests, from the access log.
    func accessLog() throws -> [JSON] {
        // The log is written every 50 ms.
        usleep(120_000)
        let text = try String(contentsOfFile: "\(self.directory)/access.log", encoding: .utf8)
        return try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    /// Makes the memory in use now the peak.
    func forgetPeakMemory() throws {
        let path = "/proc/\(self.process?.pid ?? 0)/clear_refs"
        try "5".write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// The most bytes of memory the process has had.
    func peakMemory() throws -> Int {
        let path = "/proc/\(self.process?.pid ?? 0)/status"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }

    /// Events of one kind that the node has kept.
    func events(_ kind: String) throws -> [JSON] {
        let output = try self.ctl.run("events", "--kind", kind, "-o", "jsonl")
        return try output.out.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }
}
