import MeshDeclarative
import MeshEntities
import Testing

@Suite("A file's hints")
struct ConfigurationLintTests {
    private func hints(_ text: String) throws -> [String] {
        try DeclarativeFile.parse(text, name: "kong.yml").hints.map(\.description)
    }

    @Test("name services that nothing reaches or that are off, and retries without effect")
    func services() throws {
        #expect(
            try self.hints(
                """
                _format_version: "3.0"
                services:
                  - { name: lonely, host: a }
                  - { name: idle, host: a, enabled: false, routes: [{ paths: [/off] }] }
                  - name: writes
                    host: a
                    retries: 3
                    routes: [{ paths: [/w], methods: [POST] }]
                  - { name: reads, host: a, routes: [{ paths: [/r], methods: [GET, POST] }] }
                """
            ) == [
                "3:5 services[0]: no route leads to this service",
                "4:37 services[1].enabled: the service is off: requests for its routes get 404",
                "7:14 services[2].retries: 'retries' helps POST only where no connection comes "
                    + "about: what a target may have done is not asked of another",
            ]
        )
    }

    @Test("name upstreams without targets, weight, service or health check")
    func upstreams() throws {
        let found = try self.hints(
            """
            _format_version: "3.0"
            services: [{ name: a, host: u1, routes: [{ paths: [/] }] }]
            upstreams:
              - name: u1
                targets: [{ target: "a:1", weight: 0 }, { target: "b:1", weight: 0 }]
              - name: u2
              - name: u3
                healthchecks: { active: { unhealthy: { http_failures: 2 } } }
                targets: [{ target: "a:1" }]
            """
        )
        #expect(found.contains { $0.contains("upstreams[0]: all targets have weight 0") })
        #expect(found.contains { $0.contains("upstreams[0].healthchecks: no health check") })
        #expect(found.contains { $0.contains("upstreams[1]: without targets") })
        #expect(found.contains { $0.contains("upstreams[1].name: no service has 'u2'") })
        #expect(found.contains { $0.contains("upstreams[2].healthchecks.active: no probe") })
        #expect(found.count == 6)
    }

    @Test("name paths that another route has, too, in the same service or beside others")
    func repeats() throws {
        #expect(
            try self.hints(
                """
                _format_version: "3.0"
                services:
                  - name: a
                    host: a
                    routes:
                      - { id: 00000000-0000-4000-8000-000000000001, paths: [/y] }
                      - { id: 00000000-0000-4000-8000-000000000002, paths: [/y] }
                      - { id: 00000000-0000-4000-8000-000000000003, paths: [/z, /w] }
                      - { name: all, id: 00000000-0000-4000-8000-000000000004, paths: [/w] }
                      - { id: 00000000-0000-4000-8000-000000000009, hosts: [x], paths: [/w] }
                """
            ).map { $0.prefix { $0 != ":" } + $0.drop { $0 != "'" } } == [
                "6'/y' never gets a request: route '00000000-0000-4000-8000-000000000002' has it, "
                    + "too, and of equal routes the one with the greater id wins",
                "8'/w' never gets a request: route 'all' has it, "
                    + "too, and of equal routes the one with the greater id wins",
            ]
        )
    }

    @Test("name what decides between paths that are the same, but of services that are on alone")
    func samePaths() throws {
        #expect(
            try self.hints(
                """
                _format_version: "3.0"
                services:
                  - name: a
                    host: a
                    routes:
                      - { name: first, id: 00000000-0000-4000-8000-000000000002, paths: ["~/r", /p], regex_priority: 1 }
                      - { name: second, id: 00000000-0000-4000-8000-000000000001, paths: ["~/r", /q], regex_priority: 2 }
                      - { name: third, id: 00000000-0000-4000-8000-000000000003, paths: [/p, /q] }
                  - name: b
                    host: b
                    enabled: false
                    routes:
                      - { name: idle, id: 00000000-0000-4000-8000-000000000009, paths: [/p, /q, /o] }
                """
            )
            .filter { $0.contains("never gets") }.map { String($0.drop { $0 != "'" }) } == [
                "'~/r' never gets a request: route 'second' has it, too, and its regex_priority is higher",
                "'/p' never gets a request: route 'third' has it, too, and of equal routes "
                    + "the one with the greater id wins",
                "'/q' never gets a request: route 'third' has it, too, and of equal routes "
                    + "the one with the greater id wins",
            ]
        )
    }

    @Test("name prefixes that a regex takes everything from")
    func shadows() throws {
        #expect(
            try self.hints(
                """
                _format_version: "3.0"
                services:
                  - name: a
                    host: a
                    routes:
                      - { name: all, paths: ["~/api/.*$"] }
                      - { name: lost, paths: [/api/v1, /web] }
                      - { name: other, hosts: [x.com], paths: [/api/v1] }
                """
            ) == [
                "7:30 services[0].routes[1].paths: '/api/v1' never gets a request: a regex of "
                    + "route 'all' takes them all, since regexes go before prefixes"
            ]
        )
    }
}

@Suite("A file written for others")
struct WrittenPurposeTests {
    @Test("hides from Kong what it has not, and reads it back")
    func kong() throws {
        let mesh = try load(Files.mesh)
        let text = DeclarativeFile.write(mesh, for: .kong)

        #expect(try load(text) == mesh)
        let document = DeclarativeFile.canonical(mesh, for: .kong)
        let upstream = try #require(document["upstreams"]?.elements?.first)
        #expect(upstream["regions"] == nil)
        #expect(upstream["_ignore"]?.elements?.first?["meshgate"]?["regions"] != nil)
        #expect(upstream["targets"]?.elements?.allSatisfy { $0["failover"] == nil } == true)
        #expect(try load(document.json, name: "kong.json") == mesh)
    }

    @Test("leaves out ids that follow from names, for people")
    func people() throws {
        let mesh = try load(Files.mesh)
        let text = DeclarativeFile.write(mesh, for: .people)

        #expect(try load(text) == mesh)
        #expect(!text.contains("\n  - id: \(try #require(mesh.service("orders")).id)"))
        #expect(DeclarativeFile.write(try load(text), for: .people) == text)
    }
}
