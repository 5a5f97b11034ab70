import MeshDeclarative
import MeshEntities
import Testing

@Suite("A declarative file")
struct DeclarativeFileTests {
    @Test("loads with everything that stands in it")
    func whole() throws {
        let mesh = try load(Files.mesh)

        #expect(mesh.services.count == 2 && mesh.routes.count == 3 && mesh.targets.count == 3)
        #expect(mesh.consumers.count == 2 && mesh.plugins.count == 3 && mesh.upstreams.count == 1)
        let orders = try #require(mesh.service("orders"))
        #expect(mesh.routes(of: orders.id).count == 2)
        #expect(orders.connectTimeout == 2_000 && orders.retries == 3 && orders.tags == ["team-a"])
        let files = try #require(mesh.service("static"))
        #expect("\(files.host):\(files.port)\(files.path ?? "")" == "static.internal:8080/files")
        let upstream = try #require(mesh.upstream("orders.upstream"))
        #expect(upstream.regions == Upstream.RegionPolicy(order: ["eu", "us"], hold: 5))
        #expect(upstream.healthchecks.active.unhealthy.interval == 1.5)
        let targets = mesh.targets(of: upstream.id)
        #expect(
            Set(targets.map(\.target)) == ["10.0.0.1:80", "10.0.1.1:80", "backup.internal:8000"]
        )
        #expect(Set(targets.compactMap(\.region)) == ["eu", "us"])
        let closed = try #require(mesh.plugins.first { $0.name == "request-termination" })
        #expect(closed.service == files.id)
        #expect(closed.config["message"] == .string("closed: try again"))
    }

    @Test("gives ids as Kong does, computed elsewhere")
    func identities() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            services:
              - name: orders
                host: a
                routes: [{ name: orders-route, paths: [/] }]
                plugins: [{ name: correlation-id }]
            upstreams:
              - name: orders-up
                targets: [{ target: "10.0.0.1:80" }]
            consumers: [{ username: alice }]
            plugins: [{ name: correlation-id }]
            """
        )

        #expect(mesh.services[0].id.description == "580c8aca-d632-5804-b307-a24326e1e2d5")
        #expect(mesh.routes[0].id.description == "4b978d57-df71-51a2-950f-e926c640e159")
        #expect(mesh.upstreams[0].id.description == "2568aedf-4971-5ee8-a406-e2f385e0e149")
        #expect(mesh.targets[0].id.description == "4d0e6227-65ae-5dae-8e70-9b92cec598bd")
        #expect(mesh.consumers[0].id.description == "b32379d9-3d28-5683-a79c-72139be6e34f")
        #expect(
            mesh.plugins.map(\.id.description) == [
                "65d138a5-b9b3-5559-84d6-c459f3cc456a", "db88cb93-0353-5980-a555-72f665a9726e",
            ]
        )
    }

    @Test("gives ids to entities at the top level by the names they refer to")
    func topLevelIdentities() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            services: [{ name: orders, host: a }]
            upstreams: [{ name: orders-up }]
            targets: [{ target: "10.0.0.1:80", upstream: orders-up }]
            plugins: [{ name: correlation-id, service: orders }]
            """
        )

        #expect(mesh.targets[0].id.description == "39c97008-b16d-5ee8-809a-50381f450c9f")
        #expect(mesh.plugins[0].id.description == "610c0627-f1c7-5f5e-9e92-750f2992d675")
    }

    @Test("gives unnamed entities the same id at every load, and equal ones different ids")
    func unnamed() throws {
        let text = """
            _format_version: "3.0"
            services:
              - host: a
                routes: [{ paths: [/a] }, { paths: [/a] }, { paths: [/b] }]
              - host: b
                routes: [{ paths: [/a] }]
            """

        let first = try load(text)

        #expect(try load(text) == first)
        #expect(Set(first.routes.map(\.id)).count == 4)
        #expect(Set(first.services.map(\.id)).count == 2)
        let moved = text.replacing("/b", with: "/c")
        let kept = Set(try load(moved).routes.map(\.id)).intersection(first.routes.map(\.id))
        #expect(kept.count == 3)
    }

    @Test("of an old format has its regex paths marked and its prefixes normalized")
    func migration() throws {
        #expect(try load(Files.old).routes[0].paths == ["~/users/\\d+$", "/users", "/~user"])
        let second = Files.old.replacing("1.1", with: "2.1")
        #expect(try load(second).routes[0].paths[0] == "~/users/\\d+$")
    }

    @Test("may use anchors, aliases and merge keys, each use on its own")
    func anchors() throws {
        let mesh = try load(Files.anchors)

        #expect(mesh.service("a")?.readTimeout == 200)
        #expect(mesh.service("b")?.readTimeout == 999)
        #expect(mesh.service("b")?.connectTimeout == 100)
        #expect(mesh.routes.count == 2)
        #expect(Set(mesh.routes.map(\.id)).count == 2)
    }

    @Test("may come from decK, whose own keys are passed over with a warning")
    func deck() throws {
        let parsed = try DeclarativeFile.parse(Files.deck, name: "kong.yml")

        #expect(parsed.configuration.services.count == 1)
        #expect(parsed.warnings.map(\.path) == ["_info.select_tags", "_workspace", "_konnect"])
    }

    @Test("may be JSON, by name or by its first character")
    func json() throws {
        let text = #"{"_format_version": "3.0", "services": [{"name": "a", "host": "b"}]}"#

        #expect(try load(text).services.count == 1)
        #expect(try load(text, name: "kong.json").services.count == 1)
        #expect(try load("{_format_version: '3.0', services: [{host: b}]}").services.count == 1)
        #expect(
            complaints(#"{"_format_version": "3.0", "_format_version": "3.0"}"#, name: "a.json")
                == [
                    "a.json:1:28 failed parsing declarative configuration: "
                        + "duplicate key '_format_version'"
                ]
        )
    }

    @Test("that is empty but for its format is an empty configuration")
    func empty() throws {
        #expect(try load("_format_version: '3.0'\nservices:\nroutes: []\nplugins: {}") == .empty)
    }

    @Test("warns of paths that look like regexes, of weight 0 and of fields beside url")
    func lints() throws {
        let parsed = try DeclarativeFile.parse(
            """
            _format_version: "3.0"
            services:
              - url: http://a
                host: b
                routes: [{ paths: ["/api/.*"] }]
            upstreams:
              - name: u
                targets:
                  - { target: a, weight: 0 }
            """,
            name: "kong.yml"
        )

        #expect(
            parsed.warnings.map(\.description) == [
                "4:5 services[0].host: 'url' wins over 'host', which has no effect",
                "5:24 services[0].routes[0].paths[0]: '/api/.*' looks like a regex but is a "
                    + "literal prefix; write '~/api/.*' for a regex",
                "9:30 upstreams[0].targets[0].weight: weight 0 takes no traffic, not even when "
                    + "all other targets fail; write 'failover: true' for that",
            ]
        )
    }

    @Test("warns of routes that match the same, of which one gets nothing")
    func duplicateRoutes() throws {
        let parsed = try DeclarativeFile.parse(
            """
            _format_version: "3.0"
            services:
              - { name: a, host: a, routes: [{ name: r, paths: [/x, /y] }, { name: s, paths: [/z] }] }
              - { name: b, host: b, routes: [{ name: q, paths: [/y, /x] }, { paths: [/z, /w] }] }
            """,
            name: "kong.yml"
        )
        let (first, second) = (
            try #require(parsed.configuration.routes.first { $0.name == "r" }),
            try #require(parsed.configuration.routes.first { $0.name == "q" })
        )

        let winner = first.id > second.id ? "r" : "q"
        #expect(parsed.warnings.count == 1)
        #expect(
            parsed.warnings.first?.message == "matches the same requests as route '\(winner)', "
                + "which gets them all: of equal routes the one with the greater id wins"
        )
        #expect(parsed.warnings.first?.path.hasSuffix("routes[0]") == true)
    }

    @Test("warns of routes that bring what their service cannot take")
    func misledRoutes() throws {
        let parsed = try DeclarativeFile.parse(
            """
            _format_version: "3.0"
            services:
              - name: a
                host: a
                routes:
                  - { protocols: [tcp], destinations: [{ port: 1 }] }
                  - { protocols: [grpc], paths: [/] }
              - name: b
                protocol: udp
                host: b
                routes:
                  - { protocols: [tcp, udp], destinations: [{ port: 2 }] }
                  - { protocols: [udp], destinations: [{ port: 3 }] }
            """,
            name: "kong.yml"
        )

        #expect(
            parsed.warnings.map(\.description) == [
                "6:22 services[0].routes[0].protocols: 'tcp' brings streams, but protocol 'http' "
                    + "of the service takes requests",
                "12:22 services[1].routes[0].protocols: 'tcp' brings streams, but protocol 'udp' "
                    + "of the service takes datagrams",
            ]
        )
    }

    @Test("may begin with a byte order mark, as some editors write it", arguments: ["yml", "json"])
    func byteOrderMark(ending: String) throws {
        let text = "\u{FEFF}{\"_format_version\": \"3.0\"}"

        #expect(try load(text, name: "kong.\(ending)") == .empty)
    }

    @Test("refers to parents by name, by id, or by an object with either")
    func references() throws {
        let mesh = try load(
            """
            _format_version: "3.0"
            services:
              - { name: a, host: x, id: 11111111-1111-4111-8111-111111111111 }
            routes:
              - { name: r1, paths: [/1], service: a }
              - { name: r2, paths: [/2], service: 11111111-1111-4111-8111-111111111111 }
              - { name: r3, paths: [/3], service: { name: a } }
              - { name: r4, paths: [/4], service: { id: 11111111-1111-4111-8111-111111111111 } }
              - { name: r5, paths: [/5] }
            """
        )

        let id = mesh.services[0].id
        #expect(["r1", "r2", "r3", "r4"].allSatisfy { mesh.route($0)?.service == id })
        #expect(mesh.route("r5")?.service == nil)
    }
}
