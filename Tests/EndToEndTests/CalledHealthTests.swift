import Testing

extension EndToEnd {
    /// Kong's way to set a target's health by hand, at a mesh.
    @LoopbackActor
    @Suite("Health that is set by hand", .serialized, .mesh(eu: 2, us: 1))
    struct CalledHealthTests {
        @Test("holds at every node, and says that it is")
        func everywhere() throws {
            let mesh = try TestMesh.settled()
            let targets = mesh.upstreams.prefix(2).map { "{ target: \"\($0.place)\" }" }
            try mesh.apply(
                """
                _format_version: "3.0"
                upstreams: [{ name: api, targets: [\(targets.joined(separator: ", "))] }]
                services: [{ name: api, host: api, routes: [{ name: api, paths: [/api] }] }]
                """
            )
            let target = mesh.upstreams[0].place.description
            let path = "/upstreams/api/targets/\(target)"
            let seen = { (node: TestNode) throws in
                let report = try Curl.get("\(node.admin.url)/mesh/balance/api").json()
                return report["upstreams"][0]["targets"].items
                    .first { $0["target"].text == target }
            }
            for node in mesh.nodes {
                try eventually("\(node.name) should use the target") { try seen(node) != nil }
            }
            let call = { (node: TestNode, word: String) throws in
                try Curl.get("-X", "PUT", "\(node.admin.url)\(path)/\(word)").status
            }
            #expect(try call(mesh.node("us-1"), "unhealthy") == 204)
            for node in mesh.nodes {
                try eventually("\(node.name) should obey", within: 3) {
                    let report = try seen(node)
                    return report?["stage"].text == "down" && report?["circuit"].text == nil
                        && report?["reason"].text?.hasPrefix("set by hand") == true
                }
            }
            #expect(try call(mesh.nodes[0], "healthy") == 204)
            for node in mesh.nodes {
                try eventually("\(node.name) should use it again", within: 3) {
                    try ["ramp", "up"].contains(seen(node)?["stage"].text)
                }
            }
        }
    }
}
