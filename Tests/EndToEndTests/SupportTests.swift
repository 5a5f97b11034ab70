import Foundation
import Testing

extension EndToEnd {
    /// What an operator looks at, and sends to somebody who helps.
    @LoopbackActor
    @Suite("Looked at from a terminal", .serialized, .mesh(eu: 2, us: 1))
    struct SupportTests {
        private static let secret = "a-key-that-nobody-may-see"

        @Test("meshctl top shows who answers how much, by service, node and region")
        func top() throws {
            let mesh = try TestMesh.settled()
            let load = LoadProbe([mesh.nodes[0], mesh.nodes[2]], perSecond: 100)
            defer { _ = try? load.stop() }
            try eventually("load should run") { load.soFar.count > 40 }
            let ctl = mesh.nodes[1].ctl

            try eventually("the service should have requests", within: 20) {
                let rows = try ctl.json("top", "--interval", "1", statuses: [0])["rows"].items
                return rows.contains {
                    $0["name"].text == "demo" && ($0["per_second"].number ?? 0) > 10
                }
            }
            let nodes = try ctl.json("top", "nodes", "--interval", "1", statuses: [0])
            let regions = try ctl.run("top", "regions", "--interval", "1")

            #expect(
                Set(nodes["rows"].items.compactMap { $0["name"].text }) == ["eu-1", "eu-2", "us-1"]
            )
            #expect(regions.status == 0)
            #expect(regions.out.hasPrefix("REGION"))
            #expect(regions.out.contains("at eu-1, eu-2, us-1"))
        }

        @Test("meshctl bundle packs what every node says, and no secret")
        func bundle() throws {
            let mesh = try TestMesh.settled()
            try mesh.apply(
                mesh.configuration()
                    + """

                    consumers:
                      - username: alice
                        keyauth_credentials: [{ key: \(Self.secret) }]
                    """
            )
            let file = "\(mesh.directory)/bundle.tar.gz"

            let packed = try mesh.nodes[0].ctl.run("bundle", "--file", file)
            let again = try mesh.nodes[0].ctl.run("bundle", "--file", file)
            let names = try Command.run("/usr/bin/tar", ["-tzf", file]).out
            let text = try Command.run("/usr/bin/tar", ["-xzOf", file]).out

            #expect(packed.status == 0, "\(packed.errors)")
            #expect(again.status == 1, "a file that is there is not overwritten")
            for node in mesh.nodes {
                for name in ["status.json", "history.json", "events.json", "metrics.txt"] {
                    #expect(names.contains("meshgate-bundle/\(node.name)/\(name)\n"))
                }
            }
            #expect(text.contains("kong_node_info"))
            #expect(!text.contains(Self.secret))
            let ring = try String(contentsOfFile: mesh.keyRing, encoding: .utf8)
            for word in ring.split(whereSeparator: \.isWhitespace) where word.count > 20 {
                #expect(!text.contains(word), "a key of the ring")
            }
        }
    }
}
