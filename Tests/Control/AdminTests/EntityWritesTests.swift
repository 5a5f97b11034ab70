import Foundation
import MeshAdmin
import MeshEntities
import MeshPrimitives
import Synchronization
import Testing

/// One request with a JSON body.
func send(
    _ endpoint: Endpoint,
    _ method: String,
    _ path: String,
    _ body: String? = nil,
    headers: [String] = []
) async throws -> Curl {
    var arguments = ["-X", method]
    if let body { arguments += ["-H", "Content-Type: application/json", "--data-binary", body] }
    for header in headers { arguments += ["-H", header] }
    return try await Curl(endpoint, path, with: arguments)
}

@Suite("Writes of single entities", .serialized)
struct EntityWritesTests {
    @Test("create with POST: 201, defaults, an id, times of creation and change")
    func create() async throws {
        try await withServer { endpoint async throws in
            let made = try await send(endpoint, "POST", "/services", #"{"host":"a.example"}"#)
            #expect(made.status == 201)
            #expect(made.body.contains(#""host":"a.example","port":80"#))
            let document = try JSONText.parse(Array(made.body.utf8)).value
            let id = try #require(document["id"]?.text)
            #expect(EntityID(id) != nil)
            #expect(document["created_at"] == document["updated_at"])
            #expect(document["created_at"]?.isNull == false)
            #expect(made.headers["etag"] != nil)
            let read = try await Curl(endpoint, "/services/\(id)")
            #expect(read.body == made.body)
            #expect(read.headers["etag"] == made.headers["etag"])
        }
    }

    @Test("create below a parent, by its id or name")
    func nested() async throws {
        try await withServer { endpoint async throws in
            let route = try await send(
                endpoint,
                "POST",
                "/services/web/routes",
                #"{"name":"new","paths":["/new"]}"#
            )
            #expect(route.status == 201)
            #expect(route.body.contains(#""service":{"id":"\#(FakeNode.service)"}"#))
            #expect(try await Curl(endpoint, "/services/web/routes/new").status == 200)
            #expect(try await send(endpoint, "POST", "/services/no/routes", "{}").status == 404)
            let plugin = try await send(
                endpoint,
                "POST",
                "/routes/all/plugins",
                #"{"name":"request-termination","config":{"status_code":418}}"#
            )
            #expect(plugin.status == 201)
            #expect(plugin.body.contains(#""config":{"status_code":418,"message":null"#))
        }
    }

    @Test("make or replace with PUT, by id and by name: 200")
    func replace() async throws {
        try await withServer { endpoint async throws in
            let id = "bbbbbbbb-0000-0000-0000-00000000000a"
            for path in ["/services/\(id)", "/services/fresh"] {
                let made = try await send(endpoint, "PUT", path, #"{"host":"a","retries":9}"#)
                #expect(made.status == 200)
                let replaced = try await send(endpoint, "PUT", path, #"{"host":"b"}"#)
                #expect(replaced.status == 200)
                #expect(replaced.body.contains(#""retries":5"#))
                #expect(replaced.body.contains(#""host":"b""#))
            }
            #expect(try await Curl(endpoint, "/services/\(id)").body.contains(#""name":null"#))
            #expect(try await Curl(endpoint, "/services/fresh").status == 200)
            #expect(
                try await Curl(endpoint, "/services").body.split(separator: "\"host\"").count == 5
            )
        }
    }

    @Test("change with PATCH: records merge, lists do not, null goes back to the default")
    func update() async throws {
        try await withServer { endpoint async throws in
            let first = try await send(
                endpoint,
                "PATCH",
                "/upstreams/api",
                #"{"healthchecks":{"active":{"healthy":{"interval":5},"http_path":"/h"}}}"#
            )
            #expect(first.status == 200)
            let second = try await send(
                endpoint,
                "PATCH",
                "/upstreams/api",
                #"{"healthchecks":{"active":{"http_path":null}},"hash_on":"ip"}"#
            )
            #expect(second.body.contains(#""http_path":"/""#))
            #expect(second.body.contains(#""healthy":{"interval":5,"#))
            #expect(second.body.contains(#""algorithm":"consistent-hashing","hash_on":"ip""#))
            let third = try await send(
                endpoint,
                "PATCH",
                "/upstreams/api",
                #"{"algorithm":"least-connections","tags":["x"]}"#
            )
            #expect(third.body.contains(#""algorithm":"least-connections","hash_on":"none""#))
            #expect(third.body.contains(#""tags":["x"]"#))
            #expect(try await send(endpoint, "PATCH", "/upstreams/none", "{}").status == 404)
        }
    }

    @Test("delete with DELETE: 204, also of what never was")
    func delete() async throws {
        try await withServer { endpoint async throws in
            for _ in 0..<2 {
                let gone = try await send(endpoint, "DELETE", "/routes/all")
                #expect(gone.status == 204)
                #expect(gone.body.isEmpty)
            }
            #expect(try await Curl(endpoint, "/routes/all").status == 404)
            #expect(try await send(endpoint, "DELETE", "/services/web/routes/no").status == 204)
            #expect(try await send(endpoint, "DELETE", "/services/web").status == 204)
            // What belongs to the service went with it.
            #expect(try await Curl(endpoint, "/plugins/ids").status == 404)
        }
    }

    @Test("keep what is referred to")
    func restricted() async throws {
        try await withServer { endpoint async throws in
            let refused = try await send(endpoint, "DELETE", "/services/web")
            #expect(refused.status == 400)
            #expect(
                refused.body == """
                    {"code":4,"name":"foreign key violation","message":"an existing 'routes' entity \
                    references this 'services' entity","fields":{"@referenced_by":"routes"}}
                    """
            )
            #expect(try await Curl(endpoint, "/services/web").status == 200)
        }
    }

    @Test("follow a reference with PUT and PATCH, and make it where there is none")
    func followed() async throws {
        try await withServer { endpoint async throws in
            let changed = try await send(
                endpoint,
                "PATCH",
                "/routes/all/service",
                #"{"retries":1}"#
            )
            #expect(changed.body.contains(#""retries":1"#))
            #expect(changed.body.contains(#""name":"web""#))
            #expect(try await send(endpoint, "DELETE", "/routes/all/service").status == 405)
            _ = try await send(endpoint, "POST", "/routes", #"{"name":"bare","paths":["/b"]}"#)
            #expect(try await Curl(endpoint, "/routes/bare/service").status == 404)
            let made = try await send(
                endpoint,
                "PUT",
                "/routes/bare/service",
                #"{"name":"born","host":"x"}"#
            )
            #expect(made.status == 200)
            let read = try await Curl(endpoint, "/routes/bare/service")
            #expect(read.body.contains(#""name":"born""#))
        }
    }

    @Test("plan again when somebody else wrote meanwhile, and say who wrote")
    func stale() async throws {
        let node = FakeNode(interferences: 3)
        try await withServer(node) { endpoint async throws in
            let made = try await send(endpoint, "POST", "/consumers", #"{"username":"bob"}"#)
            #expect(made.status == 201)
            #expect(node.told.withLock { $0.messages } == ["loopback: POST /consumers"])
        }
    }

    @Test("hold to If-Match and If-None-Match: 412 when the entity has changed")
    func preconditions() async throws {
        try await withServer { endpoint async throws in
            let tag = try #require(try await Curl(endpoint, "/services/web").headers["etag"])
            let match = ["If-Match: \(tag)"]
            let body = #"{"retries":2}"#
            let done = try await send(endpoint, "PATCH", "/services/web", body, headers: match)
            #expect(done.status == 200)
            let late = try await send(endpoint, "PATCH", "/services/web", body, headers: match)
            #expect(late.status == 412)
            #expect(late.headers["etag"] == done.headers["etag"])
            for (method, path) in [("DELETE", "/services/web"), ("PUT", "/services/none")] {
                let refused = try await send(
                    endpoint,
                    method,
                    path,
                    #"{"host":"a"}"#,
                    headers: match
                )
                #expect(refused.status == 412)
            }
            let exists = try await send(
                endpoint,
                "PUT",
                "/services/web",
                #"{"host":"a"}"#,
                headers: ["If-None-Match: *"]
            )
            #expect(exists.status == 412)
        }
    }

    @Test("treat targets as Kong does: PUT changes, DELETE of none is 404, twice the same is 409")
    func targets() async throws {
        try await withServer { endpoint async throws in
            let path = "/upstreams/api/targets"
            let made = try await send(endpoint, "POST", path, #"{"target":"10.0.0.1"}"#)
            #expect(made.status == 201)
            #expect(made.body.contains(#""target":"10.0.0.1:8000","weight":100"#))
            #expect(made.body.contains(#""created_at":1"#))
            let again = try await send(endpoint, "POST", path, #"{"target":"10.0.0.1:8000"}"#)
            #expect(again.status == 409)
            #expect(
                again.body == """
                    {"code":5,"name":"unique constraint violation","message":"UNIQUE violation \
                    detected on '{target=\\"10.0.0.1:8000\\",upstream={id=\\"\(FakeNode.upstream)\
                    \\"}}'","fields":{"target":"10.0.0.1:8000","upstream":\
                    {"id":"\(FakeNode.upstream)"}}}
                    """
            )
            let drained = try await send(
                endpoint,
                "PATCH",
                "\(path)/127.0.0.1:9001",
                #"{"weight":0}"#
            )
            #expect(drained.body.contains(#""weight":0"#))
            let put = try await send(endpoint, "PUT", "\(path)/127.0.0.1:9001", #"{"tags":["a"]}"#)
            #expect(put.body.contains(#""weight":0"#))
            #expect(try await send(endpoint, "PUT", "\(path)/none:1", "{}").status == 404)
            #expect(try await send(endpoint, "DELETE", "\(path)/none:1").status == 404)
            #expect(try await send(endpoint, "DELETE", "\(path)/127.0.0.1:9001").status == 204)
            #expect(try await send(endpoint, "DELETE", "/upstreams/api").status == 204)
        }
    }

    @Test("write a certificate together with its server names")
    func serverNames() async throws {
        try await withServer { endpoint async throws in
            let pem = FakeNode.pem.replacing("\n", with: "\\n")
            let key = FakeNode.key.replacing("\n", with: "\\n")
            let made = try await send(
                endpoint,
                "POST",
                "/certificates",
                #"{"cert":"\#(pem)","key":"\#(key)","snis":["b.example","a.example"]}"#
            )
            #expect(made.status == 201)
            #expect(made.body.contains(#""snis":["a.example","b.example"]"#))
            #expect(made.body.contains(#""key":"******""#))
            let changed = try await send(
                endpoint,
                "PATCH",
                "/certificates/a.example",
                #"{"snis":["a.example","c.example"]}"#
            )
            #expect(changed.body.contains(#""snis":["a.example","c.example"]"#))
            #expect(try await Curl(endpoint, "/snis/b.example").status == 404)
            let taken = try await send(
                endpoint,
                "PATCH",
                "/certificates/\(FakeNode.certificate)",
                #"{"snis":["a.example"]}"#
            )
            #expect(taken.status == 400)
            #expect(taken.body.contains("a.example already associated with existing certificate"))
            #expect(try await send(endpoint, "DELETE", "/certificates/c.example").status == 204)
            #expect(try await Curl(endpoint, "/snis/a.example").status == 404)
        }
    }
}
