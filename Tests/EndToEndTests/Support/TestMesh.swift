import Foundation

/// Nodes in two regions and their upstreams, in a directory of their own.
@LoopbackActor
final class TestMesh {
    let nodes: [TestNode]
    let upstreams: [TestUpstream]
    let keyRing: String
    let directory: String

    /// Chooses addresses and writes a key ring; starts nothing.
    init(eu: Int = 3, us: Int = 2, upstreamsPerRegion: Int = 2) throws {
        let directory = "\(NSTemporaryDirectory())/meshgate-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        self.directory = directory
        self.keyRing = try Self.newKeyRing("\(directory)/keyring")
        let names =
            (1...max(1, eu)).prefix(eu).map { ("eu-\($0)", "eu") }
            + (1...max(1, us)).prefix(us).map { ("us-\($0)", "us") }
        self.nodes = try names.enumerated().map { index, name in
            try TestNode(
                name.0,
                region: name.1,
                address: "127.0.20.\(index + 1)",
                directory: directory
            )
        }
        self.upstreams = try ["eu", "us"].flatMap { region in
            try (1...upstreamsPerRegion).map { number in
                try TestUpstream(
                    "echo-\(region)-\(number)",
                    region: region,
                    address: "127.0.30.\((region == "eu" ? 0 : 10) + number)",
                    directory: directory
                )
            }
        }
    }

    /// Draws a key ring by `meshd keyring`.
    static func newKeyRing(_ path: String) throws -> String {
        let output = try Command.run(Binaries.meshd, ["keyring"])
        guard output.status == 0 else { throw TestFailure(output.errors) }
        try output.out.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    func node(_ name: String) throws -> TestNode {
        guard let node = self.nodes.first(where: { $0.name == name }) else {
            throw TestFailure("no node \(name)")
        }
        return node
    }

    func upstreams(in region: String) -> [TestUpstream] {
        self.upstreams.filter { $0.region == region }
    }

    func start(_ node: TestNode) throws {
        let seeds = self.nodes.filter { $0 !== node }.map(\.gossip).prefix(2)
        try node.start(seeds: Array(seeds), keyRing: self.keyRing)
    }

    /// Starts whatever does not run and puts the base configuration in force everywhere.
    func settle() throws {
        for upstream in self.upstreams { try upstream.start() }
        for node in self.nodes { try self.start(node) }
        for upstream in self.upstreams {
            try upstream.awaitAnswer()
            try upstream.set(#"{"latency_ms":0,"hang":false,"close":false,"error_rate":0}"#)
        }
        for node in self.nodes { try node.awaitAnswer() }
        let names = Set(self.nodes.map(\.name))
        for node in self.nodes {
            try eventually("\(node.name) should see all members alive", within: 30) {
                let alive = try node.members().filter { $0.value["state"].text == "alive" }
                return Set(alive.keys) == names
            }
        }
        // What a node wrote while it was alone would otherwise come after the base configuration.
        try eventually("all should route by one configuration", within: 30) {
            let status = try Curl.get("\(self.nodes[0].admin.url)/mesh/config/status").json()
            return status["agreed"].flag == true
        }
        try self.apply(self.configuration())
        for node in self.nodes {
            try eventually("\(node.name) should choose every target", within: 30) {
                try node.excludedTargets().isEmpty
            }
        }
    }

    /// Applies a declarative text at one node and waits for all.
    func apply(_ text: String, at name: String? = nil) throws {
        let node = try name.map { try self.node($0) } ?? self.nodes[0]
        let output = try node.ctl.run("config", "apply", try self.file(text), "--timeout", "20")
        guard output.status == 0 else { throw TestFailure(output.errors) }
    }

    /// Writes a text to a new file.
    func file(_ text: String, name: String = "kong.yml") throws -> String {
        let path = "\(self.directory)/\(UUID().uuidString.prefix(8))-\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// The demonstration's configuration with this mesh's targets, and lines of further routes.
    func configuration(routes: [String] = []) -> String {
        let targets = self.upstreams.map { upstream in
            "      - { target: \"\(upstream.place)\", tags: [\"region:\(upstream.region)\"] }"
        }
        let further = routes.map { "      - { name: \($0), paths: [/\($0)] }" }
        return """
            _format_version: "3.0"
            upstreams:
              - name: demo
                algorithm: round-robin
                regions: { order: [eu, us], hold: 2, ramp: 3 }
                healthchecks:
                  active:
                    http_path: /health
                    timeout: 1
                    healthy: { interval: 1, successes: 2 }
                    unhealthy: { interval: 1, tcp_failures: 2, timeouts: 2, http_failures: 2 }
                  passive:
                    unhealthy:
                      http_statuses: [500, 503]
                      http_failures: 5
                      tcp_failures: 1
                      timeouts: 2
                targets:
            \(targets.joined(separator: "\n"))
            services:
              - name: demo
                host: demo
                port: 80
                protocol: http
                retries: 5
                connect_timeout: 1000
                read_timeout: 10000
                routes:
                  - { name: demo, paths: [/demo] }
            \(further.map { "      " + $0.drop { $0 == " " } }.joined(separator: "\n"))
            """
    }

    /// Ends every process and deletes the directory; logs stay when `MESHGATE_KEEP` is set.
    func stop() {
        for node in self.nodes { node.kill() }
        for upstream in self.upstreams { upstream.kill() }
        guard ProcessInfo.processInfo.environment["MESHGATE_KEEP"] == nil else { return }
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}
