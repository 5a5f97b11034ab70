import Foundation
import Testing

extension EndToEnd {
    /// A configuration that kills the node which activates it.
    @LoopbackActor
    @Suite("Given a configuration that kills it", .serialized, .mesh(eu: 1, us: 1))
    struct PoisonTests {
        @Test("skips it at the next start, serves the one before, and says so until it is repaired")
        func poison() throws {
            let mesh = try TestMesh.settled()
            let node = mesh.nodes[0]
            try mesh.apply(mesh.configuration(routes: ["good"]))
            let good = try node.configurationHash()
            try mesh.apply(mesh.configuration(routes: ["good", "deadly"]))
            let poison = try node.configurationHash() ?? ""
            let version = try node.members()["eu-1"]?["version"].text ?? ""
            node.kill()
            // What a node leaves that has died the second time while activating it.
            try "version \(version)\nactivating \(poison) 1\n".write(
                toFile: "\(node.directory)/data/activating",
                atomically: true,
                encoding: .utf8
            )

            try mesh.start(node)
            try node.awaitAnswer()
            try eventually("eu-1 should serve the configuration before", within: 15) {
                (try? Curl.get("\(node.proxy.url)/good").status) == 200
            }
            #expect(try node.configurationHash() == good)
            #expect(try Curl.get("\(node.proxy.url)/deadly").status == 404)
            #expect(try Curl.get("\(mesh.nodes[1].proxy.url)/deadly").status == 200)
            for asked in mesh.nodes {
                try eventually("\(asked.name) should say that eu-1 skips it", within: 15) {
                    let status = try asked.ctl.run("config", "status")
                    return status.status == 2 && status.out.contains("rejected")
                        && status.out.contains("died twice")
                }
            }
            #expect(try node.events("config").contains { $0["type"].text == "config-rejected" })

            // Anything else is activated as ever.
            let repaired = try node.ctl.run("config", "rollback", "--message", "it kills eu-1")
            #expect(repaired.status == 0, "\(repaired.errors)")
            #expect(try node.configurationHash() == good)
            #expect(try node.ctl.run("config", "status").status == 0)
        }
    }
}
