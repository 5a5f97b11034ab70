import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The mesh brought back from what is left of it.
    @LoopbackActor
    @Suite("Lost in whole or in part", .serialized, .mesh(eu: 2, us: 1))
    struct BackupTests {
        @Test("one surviving disk brings everything back to nodes that start empty")
        func survivor() throws {
            let mesh = try TestMesh.settled()
            try mesh.apply(mesh.configuration(routes: ["kept"]))
            let hash = try mesh.nodes[0].configurationHash()
            let history = try Self.history(mesh.nodes[0])
            for node in mesh.nodes { node.kill() }
            for node in mesh.nodes.dropLast() { try Self.lose(node) }

            for node in mesh.nodes { try mesh.start(node) }
            for node in mesh.nodes {
                try node.awaitAnswer()
                try eventually("\(node.name) should serve what was there", within: 20) {
                    (try? Curl.get("\(node.proxy.url)/kept").status) == 200
                }
                #expect(try node.configurationHash() == hash)
                #expect(try Self.history(node) == history)
            }
        }

        @Test("a backup alone brings configuration and history back to a mesh that starts empty")
        func backup() throws {
            let mesh = try TestMesh.settled()
            try mesh.apply(mesh.configuration(routes: ["kept"]))
            let hash = try mesh.nodes[0].configurationHash()
            let history = try Self.history(mesh.nodes[0])
            let file = "\(mesh.directory)/backup.json"
            let taken = try mesh.nodes[1].ctl.run("backup", file, "--with-keys")
            #expect(taken.status == 0, "\(taken.errors)")
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try mesh.nodes[1].ctl.run("backup", file).status == 1, "the file exists")
            for node in mesh.nodes {
                node.kill()
                try Self.lose(node)
            }

            let keys = "\(mesh.directory)/keyring-again"
            let written = try mesh.nodes[0].ctl.run("restore", file, "--keyring-to", keys)
            #expect(written.status == 0, "\(written.errors)")
            #expect(
                try String(contentsOfFile: keys, encoding: .utf8)
                    == String(contentsOfFile: mesh.keyRing, encoding: .utf8)
            )
            for node in mesh.nodes { try mesh.start(node) }
            for node in mesh.nodes { try node.awaitAnswer() }
            #expect(try Curl.get("\(mesh.nodes[0].proxy.url)/kept").status == 404)
            let restored = try mesh.nodes[0].ctl.run("restore", file)
            #expect(restored.status == 0, "\(restored.errors)")
            for node in mesh.nodes {
                try eventually("\(node.name) should serve what was there", within: 20) {
                    try Curl.get("\(node.proxy.url)/kept").status == 200
                }
                #expect(try node.configurationHash() == hash)
                #expect(try Self.history(node) == history)
            }
            // What is written from now on stands beside what was restored.
            try mesh.apply(mesh.configuration(routes: ["kept", "new"]), at: "us-1")
            #expect(try Self.history(mesh.nodes[0]).count == history.count + 1)
        }

        @Test("a backup is not mixed into a mesh that has a configuration, but can replace it")
        func replace() throws {
            let mesh = try TestMesh.settled()
            let hash = try mesh.nodes[0].configurationHash()
            let file = "\(mesh.directory)/old.json"
            #expect(try mesh.nodes[0].ctl.run("backup", file).status == 0)
            try mesh.apply(mesh.configuration(routes: ["later"]))

            let refused = try mesh.nodes[2].ctl.run("restore", file)
            #expect(refused.status == 1)
            #expect(
                refused.errors.contains("there is a configuration already"),
                "\(refused.errors)"
            )
            #expect(try Curl.get("\(mesh.nodes[0].proxy.url)/later").status == 200)

            let replaced = try mesh.nodes[2].ctl.run("restore", file, "--replace")
            #expect(replaced.status == 0, "\(replaced.errors)")
            for node in mesh.nodes { #expect(try node.configurationHash() == hash) }
            #expect(try Self.history(mesh.nodes[1]).first?.contains("restore the backup") == true)

            let text = try String(contentsOfFile: file, encoding: .utf8)
            let damaged = try mesh.file(
                text.replacing(#""checksum":""#, with: #""checksum":"0"#),
                name: "damaged.json"
            )
            let broken = try mesh.nodes[2].ctl.run("restore", damaged, "--replace")
            #expect(broken.status == 1)
            #expect(broken.errors.contains("damaged"), "\(broken.errors)")
        }

        private static func lose(_ node: TestNode) throws {
            try FileManager.default.removeItem(atPath: "\(node.directory)/data")
        }

        /// Names and messages of what is remembered, the newest first.
        private static func history(_ node: TestNode) throws -> [String] {
            try node.ctl.json("config", "history", "--size", "1000")["changesets"].items.map {
                "\($0["id"].text ?? "") \($0["message"].text ?? "")"
            }
        }
    }
}
