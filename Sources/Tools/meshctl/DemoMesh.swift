import Foundation
import Glibc

/// The demonstration mesh as `cluster/up` has written it down in `mesh.json`.
struct DemoMesh: Decodable {
    /// One process of it.
    struct Part: Decodable {
        let name: String
        let region: String
        let pid: Int32
        /// Where a node gossips.
        let gossip: String?
        /// Where a node is administered.
        let admin: String?
        /// Where a target answers.
        let address: String?

        var isNode: Bool { self.admin != nil }

        /// Whether the process of this number is still the one that was started.
        var isRunning: Bool {
            guard let line = FileManager.default.contents(atPath: "/proc/\(self.pid)/cmdline")
            else { return false }
            let program = line.prefix { $0 != 0 }
            let name = String(decoding: program, as: UTF8.self).split(separator: "/").last ?? ""
            return name == (self.isNode ? "meshd" : "meshecho")
        }

        /// Sends a signal, but to no stranger.
        func signal(_ number: Int32) throws {
            guard self.isRunning, kill(self.pid, number) == 0 else {
                throw Failure(
                    .failure,
                    "\(self.name) does not run (pid \(self.pid)); meshctl demo heal starts it"
                )
            }
        }
    }

    /// Which processes a name of a region means.
    enum Kind: String, CaseIterable {
        case all
        case nodes
        case targets
    }

    let nodes: [Part]
    let upstreams: [Part]

    var parts: [Part] { self.nodes + self.upstreams }

    /// Reads the file.
    ///
    /// - Throws: ``Failure`` when no demonstration was started here.
    static func read(_ path: String) throws -> DemoMesh {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(
                .localSettings,
                "\(path) cannot be read: start the demonstration by cluster/up, and run this in the "
                    + "same folder or give --mesh FILE"
            )
        }
        do {
            return try JSONDecoder().decode(DemoMesh.self, from: data)
        } catch {
            throw Failure(.invalidInput, "\(path) is not what cluster/up writes: \(error)")
        }
    }

    /// The parts with these names; a region's name means the parts that stand in it.
    ///
    /// - Throws: ``Failure`` naming what there is.
    func parts(named names: [String], _ kind: Kind = .all) throws -> [Part] {
        var found: [Part] = []
        for name in names {
            let matching = self.parts.filter { part in
                part.name == name
                    || part.region == name && (kind == .all || part.isNode == (kind == .nodes))
            }
            guard !matching.isEmpty else {
                throw Failure(
                    .usage,
                    "nothing is called \(name); there are \(self.parts.map(\.name).joined(separator: ", ")) "
                        + "and the regions \(self.regions.joined(separator: ", "))"
                )
            }
            for part in matching where !found.contains(where: { $0.name == part.name }) {
                found.append(part)
            }
        }
        return found
    }

    var regions: [String] { Set(self.parts.map(\.region)).sorted() }
}

/// Rules of the kernel's packet filter that keep a region's gossip apart from the others'.
enum DemoSplit {
    /// The table, which nothing but the demonstration uses.
    static let table = "meshgate_demo"

    /// What `nft -f -` takes: no datagram between the regions, and no gossip stream at all, since the
    /// source of a loopback stream does not show its node.
    static func rules(_ mesh: DemoMesh, _ region: String) -> String {
        let (inside, outside) = (
            self.hosts(mesh.nodes.filter { $0.region == region }),
            self.hosts(mesh.nodes.filter { $0.region != region })
        )
        let ports = Set(mesh.nodes.compactMap { $0.gossip?.split(separator: ":").last }).sorted()
        return """
            table ip \(self.table) {}
            delete table ip \(self.table)
            table ip \(self.table) {
              chain out {
                type filter hook output priority 0
                udp dport { \(ports.joined(separator: ", ")) } ip saddr { \(inside) } ip daddr { \(outside) } drop
                udp dport { \(ports.joined(separator: ", ")) } ip saddr { \(outside) } ip daddr { \(inside) } drop
                tcp dport { \(ports.joined(separator: ", ")) } reject with tcp reset
              }
            }

            """
    }

    /// What takes the rules away, whether they are there or not.
    static var none: String { "table ip \(self.table) {}\ndelete table ip \(self.table)\n" }

    private static func hosts(_ nodes: [DemoMesh.Part]) -> String {
        nodes.compactMap { $0.gossip?.split(separator: ":").first.map(String.init) }
            .joined(separator: ", ")
    }

    /// Hands rules to `nft`.
    ///
    /// - Throws: ``Failure`` without nft or without the right to use it.
    static func apply(_ rules: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["nft", "-f", "-"]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"
        ]) { $1 }
        let (input, errors) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = errors
        try process.run()
        input.fileHandleForWriting.write(Data(rules.utf8))
        try input.fileHandleForWriting.close()
        let said = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let line = said.split(separator: "\n").first.map(String.init) ?? "no reason"
            throw Failure(
                .failure,
                "nft refuses (\(line)): it needs root, and the Debian package nftables"
            )
        }
    }
}
