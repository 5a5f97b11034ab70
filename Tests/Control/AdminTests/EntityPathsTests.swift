import Foundation
import MeshEntities
import Testing

@Suite("The entities' paths")
struct EntityPathsTests {
    @Test("list a collection in pages")
    func pages() async throws {
        try await withServer { endpoint async throws in
            let first = try await Curl(endpoint, "/services?size=1&tags=blue")
            #expect(first.status == 200)
            #expect(
                first.body.hasPrefix(
                    #"{"data":[{"id":"bbbbbbbb-0000-0000-0000-000000000001","name":"web","#
                )
            )
            #expect(
                first.body.hasSuffix(
                    """
                    "next":"/services?offset=\
                    YmJiYmJiYmItMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAx&size=1&tags=blue",\
                    "offset":"YmJiYmJiYmItMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAx"}
                    """
                )
            )
            let second = try await Curl(
                endpoint,
                "/services?offset=YmJiYmJiYmItMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAx&size=1"
            )
            #expect(second.body.contains(#""name":"other""#))
            #expect(second.body.hasSuffix(#""next":null}"#))
        }
    }

    @Test(
        "find an entity by id or by name, and below its parent",
        arguments: [
            "/services/web", "/services/BBBBBBBB-0000-0000-0000-000000000001",
            "/routes/all/service", "/plugins/ids/service",
        ]
    )
    func finds(path: String) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, path)
            #expect(answer.status == 200)
            #expect(answer.body.hasPrefix(#"{"id":"bbbbbbbb-0000-0000-0000-000000000001""#))
        }
    }

    @Test(
        "read what belongs to a parent",
        arguments: [
            ("/services/web/routes/all", "cccccccc"), ("/services/web/plugins/ids", "eeeeeeee"),
            ("/upstreams/api/targets/127.0.0.1:9001", "dddddddd"), ("/consumers/ann", "ffffffff"),
        ]
    )
    func nested(path: String, prefix: String) async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, path).body.hasPrefix(#"{"id":"\#(prefix)"#))
        }
    }

    @Test("list targets newest first", arguments: ["targets", "targets/all"])
    func targets(path: String) async throws {
        try await withServer { endpoint async throws in
            let body = try await Curl(endpoint, "/upstreams/api/\(path)").body
            let newer = try #require(body.range(of: "127.0.0.1:9002"))
            let older = try #require(body.range(of: "127.0.0.1:9001"))
            #expect(newer.lowerBound < older.lowerBound)
        }
    }

    @Test(
        "answer 404 for what does not exist",
        arguments: [
            "/targets/dddddddd-0000-0000-0000-000000000001", "/services/none",
            "/services/other/routes/all", "/targets", "/nothing",
            "/upstreams/none/health", "/services/web/routes/all/more",
        ]
    )
    func notFound(path: String) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, path)
            #expect(answer.status == 404)
            #expect(answer.body == #"{"message":"Not found"}"#)
        }
    }

    @Test(
        "refuse a page size, an offset and a filter that cannot be",
        arguments: [
            ("size=0", 9), ("size=1001", 9), ("size=x", 9), ("offset=***", 7),
            ("offset=bm9uZQ==", 7), ("tags=", 11),
            ("tags=a,b/c", 11), ("tags=a,b,c,d,e,f", 11),
        ]
    )
    func badQueries(query: String, code: Int) async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/services?\(query)")
            #expect(answer.status == 400)
            #expect(answer.body.hasPrefix("{\"code\":\(code),"))
        }
    }

    @Test("filter by tags with AND and OR, and consumers by custom id")
    func filters() async throws {
        try await withServer { endpoint async throws in
            #expect(try await !Curl(endpoint, "/services?tags=blue,old").body.contains("other"))
            #expect(try await Curl(endpoint, "/services?tags=old/blue").body.contains("other"))
            #expect(try await Curl(endpoint, "/consumers?custom_id=4711").body.contains("ann"))
            #expect(
                try await Curl(endpoint, "/consumers?custom_id=x").body
                    == #"{"data":[],"next":null}"#
            )
        }
    }

    @Test("never print a private key")
    func secrets() async throws {
        try await withServer { endpoint async throws in
            let body = try await Curl(endpoint, "/certificates").body
            #expect(body.contains(#""key":"******","cert_alt":null,"key_alt":null"#))
            #expect(!body.contains("U0VDUkVU"))
        }
    }

    @Test("show every field of Kong, unset ones as null, and its state in ETag")
    func allFields() async throws {
        try await withServer { endpoint async throws in
            let answer = try await Curl(endpoint, "/services/web")
            #expect(
                answer.body == """
                    {"id":"bbbbbbbb-0000-0000-0000-000000000001","name":"web","retries":5,\
                    "protocol":"http","host":"api","port":80,"path":null,"connect_timeout":60000,\
                    "write_timeout":60000,"read_timeout":60000,"tags":["blue","old"],\
                    "client_certificate":null,"tls_verify":null,"tls_verify_depth":null,\
                    "ca_certificates":null,"enabled":true,\
                    "retry":{"on":["error","timeout"],"try_timeout":0,"timeout":0,"hedge":false},\
                    "created_at":null,"updated_at":null}
                    """
            )
            let tag = try #require(answer.headers["etag"])
            let again = try await Curl(endpoint, "/services/web", "-H", "If-None-Match: \(tag)")
            #expect(again.status == 304)
        }
    }

    @Test("show the defaults of a plugin's settings and the server names of a certificate")
    func completed() async throws {
        try await withServer { endpoint async throws in
            let plugin = try await Curl(endpoint, "/plugins/ids").body
            #expect(plugin.contains(#""generator":"uuid#counter","echo_downstream":false"#))
            #expect(try await Curl(endpoint, "/certificates").body.contains(#""snis":[]"#))
        }
    }
}
