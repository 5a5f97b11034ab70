import Glibc
import Testing

extension EndToEnd {
    /// What `proxy-cache` keeps at each node, asked and forgotten at any (§6.6).
    @LoopbackActor
    @Suite("Caches of a mesh", .serialized, .mesh(eu: 2, us: 1))
    struct CacheTests {
        /// The mesh with a cache for everything that is sent to the service.
        private func mesh() throws -> TestMesh {
            let mesh = try TestMesh.settled()
            try mesh.apply(
                mesh.configuration()
                    + """

                    plugins:
                      - name: proxy-cache
                        service: demo
                        config:
                          strategy: memory
                          content_type: [text/plain, application/json]
                          cache_ttl: 3600
                    """
            )
            return mesh
        }

        /// Asks a node as clients of one balancer do; the host is part of the key.
        private func ask(_ node: TestNode) throws -> Curl.Answer {
            try Curl.get("-H", "Host: shop.test", "\(node.proxy.url)/demo")
        }

        private func status(_ node: TestNode) throws -> String? {
            try self.ask(node).header("x-cache-status")
        }

        /// Asks until the answer is kept at every node; its key.
        private func warm(_ mesh: TestMesh) throws -> String {
            for node in mesh.nodes {
                try eventually("\(node.name) should keep the answer") {
                    try self.status(node) == "Hit"
                }
            }
            return try #require(try self.ask(mesh.nodes[0]).header("x-cache-key"))
        }

        private func delete(_ node: TestNode, _ path: String) throws -> Curl.Answer {
            try Curl.get("-X", "DELETE", "\(node.admin.url)\(path)")
        }

        @Test("are emptied at all nodes by one request to any of them")
        func forgetAll() throws {
            let mesh = try self.mesh()
            _ = try self.warm(mesh)
            #expect(try self.delete(try mesh.node("us-1"), "/proxy-cache").status == 204)
            for node in mesh.nodes { #expect(try self.status(node) == "Miss", "\(node.name)") }
        }

        @Test("show and forget one answer wherever it is kept")
        func one() throws {
            let mesh = try self.mesh()
            let key = try self.warm(mesh)
            let path = "/proxy-cache/\(key)"
            #expect(try self.delete(mesh.nodes[0], path).status == 204)
            for node in mesh.nodes {
                #expect(try Curl.get("\(node.admin.url)\(path)").status == 404, "\(node.name)")
            }
            // One alone has it, and all show it.
            #expect(try self.status(try mesh.node("eu-2")) == "Miss")
            for node in mesh.nodes {
                try eventually("\(node.name) should show the answer") {
                    try Curl.get("\(node.admin.url)\(path)").json()["status"].number == 200
                }
            }
            #expect(try self.delete(try mesh.node("us-1"), path).status == 204)
            #expect(try self.delete(try mesh.node("us-1"), path).status == 404)
            #expect(try self.status(try mesh.node("eu-2")) == "Miss")
        }

        @Test("a node that does not say that it forgot is named")
        func silent() throws {
            let mesh = try self.mesh()
            _ = try self.warm(mesh)
            let frozen = try mesh.node("us-1")
            defer { frozen.process?.signal(SIGCONT) }
            let path = "/proxy-cache"
            let names = { (answer: Curl.Answer, field: String) in
                try answer.json()[field].items.compactMap(\.text)
            }
            // A node that counts as failed by then is not asked: then once more.
            try eventually("us-1 should be asked while it is frozen", within: 60) {
                frozen.process?.signal(SIGCONT)
                try eventually("us-1 should be alive", within: 30) {
                    try mesh.nodes[0].state(of: "us-1") == "alive"
                }
                frozen.process?.signal(SIGSTOP)
                let answer = try self.delete(mesh.nodes[0], path)
                guard answer.status == 504 else { return false }
                return try names(answer, "silent") == ["us-1"]
            }
            #expect(try self.status(mesh.nodes[0]) == "Miss")
            #expect(try self.status(try mesh.node("eu-2")) == "Miss")
            try eventually("us-1 should count as failed", within: 60) {
                try mesh.nodes[0].state(of: "us-1") == "failed"
            }
            let answer = try self.delete(mesh.nodes[0], path)
            #expect(answer.status == 504)
            #expect(try names(answer, "failed") == ["us-1"])
            #expect(try names(answer, "silent") == [])
        }
    }
}
