import Foundation
import MeshEntities
import Synchronization
import Testing

@Suite("The credentials' paths (Kong §3.4)", .serialized)
struct CredentialPathsTests {
    @Test("make up keys and secrets that are not given")
    func generated() async throws {
        try await withServer { endpoint async throws in
            for (path, field) in [("key-auth", "key"), ("jwt", "secret"), ("jwt", "key")] {
                let made = try await send(endpoint, "POST", "/consumers/ann/\(path)", "{}")
                #expect(made.status == 201)
                let text = try JSONText.parse(Array(made.body.utf8)).value[field]?.text ?? ""
                #expect(text.utf8.count == 32)
                #expect(text.utf8.allSatisfy { $0 != 0x2D && $0 > 0x2F })
            }
            let signed = try await send(
                endpoint,
                "POST",
                "/consumers/ann/hmac-auth",
                #"{"username":"ann"}"#
            )
            #expect(signed.status == 201)
        }
    }

    @Test("find a key below its consumer, at the top and by itself, and delete it")
    func keys() async throws {
        try await withServer { endpoint async throws in
            let body = #"{"key":"k1"}"#
            #expect(try await send(endpoint, "POST", "/consumers/ann/key-auth", body).status == 201)
            #expect(try await Curl(endpoint, "/key-auths/k1").body.contains(#""key":"k1""#))
            #expect(try await Curl(endpoint, "/consumers/ann/key-auth/k1").status == 200)
            #expect(try await Curl(endpoint, "/key-auths/k1/consumer").body.contains("ann"))
            #expect(try await Curl(endpoint, "/key-auths").body.contains("k1"))
            let twice = try await send(endpoint, "POST", "/consumers/ann/key-auth", body)
            #expect(twice.status == 409)
            #expect(twice.body.contains(#""fields":{"key":"******"}"#), "\(twice.body)")
            #expect(!twice.body.contains("k1"), "\(twice.body)")
            let put = try await send(endpoint, "PUT", "/consumers/ann/key-auth/k2", "{}")
            #expect(put.status == 200)
            #expect(put.body.contains(#""key":"k2""#))
            #expect(try await send(endpoint, "DELETE", "/consumers/ann/key-auth/k1").status == 204)
            #expect(try await Curl(endpoint, "/key-auths/k1").status == 404)
        }
    }

    @Test("tell no key in the message of a change, which history, events and log keep")
    func hiddenKeys() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let body = #"{"key":"hunter2"}"#
            _ = try await send(endpoint, "POST", "/consumers/ann/key-auth", body)
            for path in ["consumers/ann/key-auth", "key-auths", "consumers/ann/key%2dauth"] {
                let tags = #"{"tags":["\#(path.utf8.count)"]}"#
                let done = try await send(endpoint, "PATCH", "/\(path)/hunter2", tags)
                #expect(done.status == 200)
            }
            let gone = try await send(endpoint, "DELETE", "/consumers/ann/key-auth/hunter2")
            #expect(gone.status == 204)
            let named = #"{"username":"key-auth"}"#
            _ = try await send(endpoint, "POST", "/consumers", named)
            _ = try await send(endpoint, "PUT", "/consumers/key-auth/key-auth/hunter2", "{}")
            let told = node.told.withLock { $0.messages }
            #expect(told.count == 7)
            #expect(told.allSatisfy { !$0.contains("hunter2") })
        }
    }

    @Test("take groups that several consumers share, once for each")
    func groups() async throws {
        try await withServer { endpoint async throws in
            #expect(
                try await send(endpoint, "POST", "/consumers", #"{"username":"bob"}"#).status == 201
            )
            let body = #"{"group":"staff"}"#
            for name in ["ann", "bob"] {
                let made = try await send(endpoint, "POST", "/consumers/\(name)/acls", body)
                #expect(made.status == 201)
            }
            #expect(try await send(endpoint, "POST", "/consumers/ann/acls", body).status == 409)
            #expect(try await Curl(endpoint, "/consumers/bob/acls/staff").status == 200)
            let again = try await send(endpoint, "PUT", "/consumers/bob/acls/staff", "{}")
            #expect(again.status == 200)
            #expect(try await send(endpoint, "DELETE", "/consumers/ann/acls/staff").status == 204)
            #expect(try await Curl(endpoint, "/consumers/ann/acls").body.contains(#""data":[]"#))
            #expect(try await Curl(endpoint, "/acls").body.contains("staff"))
        }
    }

    @Test("take names in certificates, which are addressed by id (mtls-auth)")
    func certificateNames() async throws {
        try await withServer { endpoint async throws in
            let body = #"{"subject_name":"ann.test"}"#
            let made = try await send(endpoint, "POST", "/consumers/ann/mtls-auth", body)
            #expect(made.status == 201)
            #expect(made.body.contains(#""ca_certificate":null"#))
            let id = try JSONText.parse(Array(made.body.utf8)).value["id"]?.text ?? ""
            let twice = try await send(endpoint, "POST", "/consumers/ann/mtls-auth", body)
            #expect(twice.status == 409)
            #expect(try await Curl(endpoint, "/mtls-auths/\(id)").body.contains("ann.test"))
            #expect(try await Curl(endpoint, "/mtls-auths/\(id)/consumer").body.contains("ann"))
            let path = "/consumers/ann/mtls-auth/\(id)"
            let other = #"{"subject_name":"bob.test"}"#
            #expect(try await send(endpoint, "PATCH", path, other).body.contains("bob.test"))
            #expect(try await send(endpoint, "DELETE", path).status == 204)
            #expect(try await Curl(endpoint, "/mtls-auths").body.contains(#""data":[]"#))
        }
    }

    @Test("show and forget what proxy-cache keeps (§6.6)")
    func cache() async throws {
        try await withServer { endpoint async throws in
            let made = try await send(
                endpoint,
                "POST",
                "/plugins",
                #"{"name":"proxy-cache","config":{"strategy":"memory"}}"#
            )
            let id = try JSONText.parse(Array(made.body.utf8)).value["id"]?.text ?? ""
            for path in ["/proxy-cache", "/proxy-cache/\(id)/caches"] {
                let shown = try await Curl(endpoint, "\(path)/kept")
                #expect(shown.status == 200)
                #expect(shown.body.contains(#""body":"hi""#))
                #expect(try await send(endpoint, "DELETE", "\(path)/kept").status == 204)
                #expect(try await Curl(endpoint, "\(path)/other").status == 404)
                #expect(try await send(endpoint, "DELETE", "\(path)/other").status == 404)
                let silent = try await send(endpoint, "DELETE", "\(path)/far")
                #expect(silent.status == 504)
                #expect(silent.body.contains(#""silent":["us-1","us-2"]"#), "\(silent.body)")
                let lost = try await send(endpoint, "DELETE", "\(path)/lost")
                #expect(lost.status == 504, "a node held for failed may run on, and keep it")
                #expect(lost.body.contains(#""failed":["ap-1","ap-2"]"#), "\(lost.body)")
            }
            let nobody = "/proxy-cache/00000000-0000-0000-0000-000000000009/caches/kept"
            #expect(try await Curl(endpoint, nobody).status == 404)
            #expect(try await Curl(endpoint, "/proxy-cache").status == 405)
            #expect(try await send(endpoint, "DELETE", "/proxy-cache").status == 204)
        }
    }

    @Test(
        "have one shape for all kinds: below the consumer and at the top, made, put, changed, deleted",
        arguments: [
            ["key-auth", "key-auths", #"{"key":"c1"}"#, "key"],
            ["basic-auth", "basic-auths", #"{"username":"c1","password":"open"}"#, "username"],
            ["jwt", "jwts", #"{"key":"c1","secret":"hush"}"#, "key"],
            ["hmac-auth", "hmac-auths", #"{"username":"c1","secret":"hush"}"#, "username"],
        ]
    )
    func shapes(kind: [String]) async throws {
        let (below, top, body, field) = (kind[0], kind[1], kind[2], kind[3])
        try await withServer { endpoint async throws in
            _ = try await send(endpoint, "POST", "/consumers", #"{"username":"bob"}"#)
            let made = try await send(endpoint, "POST", "/consumers/ann/\(below)", body)
            #expect(made.status == 201)
            let document = try JSONText.parse(Array(made.body.utf8)).value
            let id = document["id"]?.text ?? ""
            #expect(document["consumer"]?["id"]?.text?.isEmpty == false)
            for key in [id, "c1"] {
                #expect(try await Curl(endpoint, "/\(top)/\(key)").status == 200)
                #expect(try await Curl(endpoint, "/consumers/ann/\(below)/\(key)").status == 200)
                #expect(try await Curl(endpoint, "/consumers/bob/\(below)/\(key)").status == 404)
                #expect(try await Curl(endpoint, "/\(top)/\(key)/consumer").body.contains("ann"))
            }
            let change = #"{"tags":["a"]}"#
            let changed = try await send(endpoint, "PATCH", "/consumers/ann/\(below)/c1", change)
            #expect(changed.body.contains(#""tags":["a"]"#))
            let other = "00000000-0000-0000-0000-000000000077"
            let renamed = body.replacing("c1", with: "c2")
            let put = try await send(endpoint, "PUT", "/consumers/bob/\(below)/\(other)", renamed)
            #expect(put.status == 200)
            #expect(put.body.contains("\"\(field)\":\"c2\""))
            #expect(put.body.contains(other))
            #expect(
                try await send(endpoint, "PUT", "/consumers/bob/\(below)/c3", "{}").status < 500
            )
            let rival = try await send(endpoint, "POST", "/consumers/bob/\(below)", body)
            #expect(rival.status == 409)
            #expect(rival.body.contains("UNIQUE violation detected"))
            for _ in 0..<2 {
                let gone = try await send(endpoint, "DELETE", "/consumers/ann/\(below)/\(id)")
                #expect(gone.status == 204)
            }
            #expect(try await Curl(endpoint, "/\(top)/\(id)").status == 404)
            #expect(try await send(endpoint, "POST", "/consumers/eve/\(below)", body).status == 404)
        }
    }

    @Test("go with their consumer")
    func cascade() async throws {
        try await withServer { endpoint async throws in
            let body = #"{"key":"k1"}"#
            #expect(try await send(endpoint, "POST", "/consumers/ann/key-auth", body).status == 201)
            #expect(try await send(endpoint, "DELETE", "/consumers/ann").status == 204)
            #expect(try await Curl(endpoint, "/key-auths/k1").status == 404)
        }
    }

    @Test("put consumers into groups that plugins are for")
    func consumerGroups() async throws {
        try await withServer { endpoint async throws in
            let made = try await send(endpoint, "POST", "/consumer_groups", #"{"name":"gold"}"#)
            #expect(made.status == 201)
            let member = try await send(
                endpoint,
                "POST",
                "/consumer_groups/gold/consumer_group_consumers",
                #"{"consumer":{"username":"ann"}}"#
            )
            #expect(member.status == 201)
            let plugin = try await send(
                endpoint,
                "POST",
                "/consumer_groups/gold/plugins",
                #"{"name":"request-termination"}"#
            )
            #expect(plugin.status == 201)
            #expect(try await send(endpoint, "DELETE", "/consumer_groups/gold").status == 204)
            let members = try await Curl(endpoint, "/consumer_group_consumers")
            #expect(members.body.contains(#""data":[]"#))
        }
    }

    @Test("name the plugins that are built, and what one takes")
    func plugins() async throws {
        try await withServer { endpoint async throws in
            let enabled = try await Curl(endpoint, "/plugins/enabled").body
            #expect(enabled.contains(#""acl","basic-auth","#))
            let made = try await send(
                endpoint,
                "POST",
                "/plugins",
                #"{"name":"session","config":{"secret":"sixteen bytes and more"}}"#
            )
            #expect(made.body.contains(#""secret":"******""#))
            let key = try await send(endpoint, "POST", "/plugins", #"{"name":"key-auth"}"#)
            #expect(key.body.contains(#""hide_credentials":false"#))
            #expect(key.body.contains(#""key_names":["apikey"]"#))
            let schema = try await Curl(endpoint, "/schemas/plugins/key-auth").body
            #expect(schema.contains(#""key_names":{"type":"array""#))
            let addresses = try await Curl(endpoint, "/schemas/plugins/ip-restriction").body
            #expect(addresses.contains(#""default":["grpc","grpcs","http","https","tcp","tls"]"#))
        }
    }
}
