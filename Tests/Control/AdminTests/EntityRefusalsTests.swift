import Foundation
import MeshAdmin
import MeshEntities
import Synchronization
import Testing

@Suite("Refused writes", .serialized)
struct EntityRefusalsTests {
    @Test(
        "name code, kind and every field, as Kong",
        arguments: [
            (
                "/services", "{}", 400,
                #"{"code":2,"name":"schema violation","message":"schema violation (host: "#
                    + #"required field missing)","fields":{"host":"required field missing"}}"#
            ),
            (
                "/services", #"{"path":"x","zz":1}"#, 400,
                #"{"code":2,"name":"schema violation","message":"3 schema violations (host: "#
                    + #"required field missing; path: should start with: /; zz: unknown field)","#
                    + #""fields":{"host":"required field missing","path":"should start with: /","#
                    + #""zz":"unknown field"}}"#
            ),
            (
                "/consumers", "{}", 400,
                #"{"code":2,"name":"schema violation","message":"schema violation (at least one "#
                    + "of these fields must be non-empty: 'custom_id', 'username')\","
                    + #""fields":{"@entity":["at least one of these fields must be non-empty: "#
                    + "'custom_id', 'username'\"]}}"
            ),
            (
                "/services", #"{"name":"web","host":"a"}"#, 409,
                #"{"code":5,"name":"unique constraint violation","message":"UNIQUE violation "#
                    + #"detected on '{name=\"web\"}'","fields":{"name":"web"}}"#
            ),
            (
                "/routes",
                #"{"paths":["/a"],"service":{"id":"bbbbbbbb-0000-0000-0000-0000000000ff"}}"#, 400,
                #"{"code":4,"name":"foreign key violation","message":"the foreign key "#
                    + #"'{id=\"bbbbbbbb-0000-0000-0000-0000000000ff\"}' does not reference an "#
                    + #"existing 'services' entity.","fields":{"service":"#
                    + #"{"id":"bbbbbbbb-0000-0000-0000-0000000000ff"}}}"#
            ),
            (
                "/routes", #"{"paths":["/a"],"service":{"name":"none"}}"#, 400,
                #"{"code":13,"name":"foreign keys unresolved","message":"foreign key unresolved "#
                    + #"(service.name: the foreign key cannot be resolved with '{name=\"none\"}' "#
                    + #"for an existing 'services' entity)","fields":{"service":{"name":"the "#
                    + #"foreign key cannot be resolved with '{name=\"none\"}' for an existing "#
                    + #"'services' entity"}}}"#
            ),
            (
                "/routes", #"{"paths":["/a"],"service":{"name":"web","zz":1}}"#, 400,
                #"{"code":2,"name":"schema violation","message":"schema violation (service.zz: "#
                    + #"unknown field)","fields":{"service":{"zz":"unknown field"}}}"#
            ),
            (
                "/services", #"{"id":"bbbbbbbb-0000-0000-0000-000000000001","host":"a"}"#, 400,
                #"{"code":3,"name":"primary key violation","message":"primary key violation on "#
                    + #"key '{id=\"bbbbbbbb-0000-0000-0000-000000000001\"}'","#
                    + #""fields":{"id":"bbbbbbbb-0000-0000-0000-000000000001"}}"#
            ),
            (
                "/plugins", #"{"name":"nothing"}"#, 400,
                #"{"code":2,"name":"schema violation","message":"schema violation (name: plugin "#
                    + "'nothing' not enabled; add it to the 'plugins' configuration property)\","
                    + #""fields":{"name":"plugin 'nothing' not enabled; add it to the 'plugins' "#
                    + #"configuration property"}}"#
            ),
        ]
    )
    func refused(path: String, body: String, status: Int, answer: String) async throws {
        try await withServer { endpoint async throws in
            let refused = try await send(endpoint, "POST", path, body)
            #expect(refused.status == status)
            #expect(refused.body == answer)
        }
    }

    @Test(
        "of bodies that cannot be read",
        arguments: [
            ("application/json", "{", 400, "Cannot parse JSON body"),
            ("application/json", "[]", 400, "Cannot parse JSON body"),
            ("application/json", #"{"a":1,"a":2}"#, 400, "Cannot parse JSON body"),
            ("text/csv", "a,b", 415, "Unsupported media type"),
            ("multipart/form-data", "a", 400, "Cannot parse multipart body"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na",
                400, "Cannot parse multipart body"
            ),
        ]
    )
    func unreadable(type: String, body: String, status: Int, message: String) async throws {
        try await withServer { endpoint async throws in
            let refused = try await Curl(
                endpoint,
                "/services",
                "-H",
                "Content-Type: \(type)",
                "--data-binary",
                body
            )
            #expect(refused.status == status)
            #expect(refused.body == "{\"message\":\"\(message)\"}")
        }
    }

    @Test("of what the node finds when it looks inside")
    func examined() async throws {
        try await withServer { endpoint async throws in
            let pem = FakeNode.pem.replacing("AA==", with: "FOREIGN").replacing("\n", with: "\\n")
            let key = FakeNode.key.replacing("\n", with: "\\n")
            let refused = try await send(
                endpoint,
                "POST",
                "/certificates",
                #"{"cert":"\#(pem)","key":"\#(key)"}"#
            )
            #expect(refused.status == 400)
            #expect(
                refused.body.contains(#""fields":{"@entity":["certificate does not match key"]}"#)
            )
            #expect(!refused.body.contains("U0VDUkVU"))
        }
    }

    @Test("name the reason when the node cannot write")
    func failing() async throws {
        try await withServer(FakeNode(refusal: .failed("the disk is full"))) {
            endpoint async throws in
            let refused = try await send(endpoint, "POST", "/services", #"{"host":"a"}"#)
            #expect(refused.status == 500)
            #expect(refused.body == #"{"message":"the disk is full"}"#)
        }
    }
}

@Suite("Bodies of writes")
struct EntityBodyTests {
    @Test("may be forms, with dots, brackets and repeated names")
    func forms() async throws {
        try await withServer { endpoint async throws in
            let route = try await Curl(
                endpoint,
                "/routes",
                with: [
                    "-d", "name=form", "-d", "paths[]=/a", "-d", "paths[]=/b", "-d",
                    "service.name=web", "-d", "strip_path=false", "-d", "hosts[1]=x.example", "-d",
                    "methods=GET", "-d", "methods=PUT", "-d", "headers.x-a=1", "-d",
                    "regex_priority=7",
                ]
            )
            #expect(route.status == 201)
            for text in [
                #""methods":["GET","PUT"],"hosts":["x.example"],"paths":["/a","/b"]"#,
                #""headers":{"x-a":["1"]}"#, #""strip_path":false"#, #""regex_priority":7"#,
                #""service":{"id":"\#(FakeNode.service)"}"#,
            ] {
                #expect(route.body.contains(text))
            }
            let plugin = try await Curl(
                endpoint,
                "/plugins",
                with: ["-d", "name=request-termination", "-d", "config.status_code=418"]
            )
            #expect(plugin.body.contains(#""status_code":418"#))
        }
    }

    @Test("may be multipart forms, files included")
    func multipart() async throws {
        let file = try TemporaryFile(FakeNode.pem)
        defer { file.remove() }
        try await withServer { endpoint async throws in
            let made = try await Curl(
                endpoint,
                "/certificates",
                with: [
                    "-F", "cert=@\(file.path)", "-F", "key=\(FakeNode.key)", "-F",
                    "snis[]=form.example",
                ]
            )
            #expect(made.status == 201)
            #expect(made.body.contains(#""snis":["form.example"]"#))
        }
    }
}

@Suite("The paths about schemas and the node's inside", .serialized)
struct SchemaPathsTests {
    @Test("describe entities and plugins")
    func schemas() async throws {
        try await withServer { endpoint async throws in
            let services = try await Curl(endpoint, "/schemas/services").body
            #expect(services.contains(#"{"id":{"type":"string","uuid":true,"auto":true}}"#))
            #expect(
                services.contains(#"{"port":{"type":"integer","default":80,"between":[0,65535]}}"#)
            )
            let plugin = try await Curl(endpoint, "/schemas/plugins/request-termination").body
            #expect(plugin.contains(#"{"trigger":{"type":"string"}}"#))
            let none = try await Curl(endpoint, "/schemas/nothing")
            #expect(none.status == 404)
            #expect(none.body == #"{"message":"No entity named 'nothing'"}"#)
        }
    }

    @Test(
        "check entities and plugins without writing them",
        arguments: [
            ("services", #"{"host":"a"}"#, 200), ("services", #"{"name":"web","host":"a"}"#, 200),
            ("services", "{}", 400), ("plugins", #"{"name":"prometheus"}"#, 200),
            ("plugins", #"{"name":"nothing"}"#, 400), ("nothing", "{}", 404),
        ]
    )
    func validates(kind: String, body: String, status: Int) async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let answer = try await send(endpoint, "POST", "/schemas/\(kind)/validate", body)
            #expect(answer.status == status)
            if status == 200 {
                #expect(answer.body == #"{"message":"schema validation successful"}"#)
            }
            #expect(node.told.withLock { $0.messages }.isEmpty)
        }
    }

    @Test("read and change the log level")
    func logLevel() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let path = "/debug/node/log-level"
            #expect(try await Curl(endpoint, path).body == #"{"message":"log level: info"}"#)
            for (level, status, message) in [
                ("info", 200, "log level is already info"), ("warn", 200, "log level changed"),
                ("loud", 400, "unknown log level: loud"),
            ] {
                let answer = try await Curl(endpoint, "\(path)/\(level)", "-X", "PUT")
                #expect(answer.status == status)
                #expect(answer.body == "{\"message\":\"\(message)\"}")
            }
            #expect(node.told.withLock { $0.level } == "warning")
            let negative = try await Curl(endpoint, "\(path)/debug?timeout=-1", "-X", "PUT")
            #expect(negative.status == 400)
        }
    }

    @Test("answer /timers, /status/dns and /endpoints as Kong")
    func inside() async throws {
        try await withServer { endpoint async throws in
            #expect(try await Curl(endpoint, "/timers").body.contains(#""worker":{"id":0"#))
            #expect(try await Curl(endpoint, "/status/dns").status == 501)
            let list = try await Curl(endpoint, "/endpoints").body
            #expect(list.contains(#""/services/{services}/routes/{routes}""#))
        }
    }

    @Test(
        "take an operator's word for a target",
        arguments: [
            ("127.0.0.1:9001/healthy", 204), ("127.0.0.1:9001/unhealthy", 204),
            ("dddddddd-0000-0000-0000-000000000001/127.0.0.1:9001/unhealthy", 204),
            ("none:1/healthy", 404), ("127.0.0.1:9001/127.0.0.9:1/healthy", 400),
        ]
    )
    func marks(path: String, status: Int) async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let answer = try await Curl(endpoint, "/upstreams/api/targets/\(path)", "-X", "PUT")
            #expect(answer.status == status)
            let marks = node.told.withLock { $0.marks }
            #expect(marks.count == (status == 204 ? 1 : 0))
            #expect(marks.first.map { $0.isHealthy == path.hasSuffix("/healthy") } ?? true)
        }
    }
}
