import MeshEntities
import Testing

@Suite("A configuration")
struct GatewayConfigurationTests {
    private let service = Service(id: EntityID(high: 1, low: 1), name: "s", host: "u")
    private let upstream = Upstream(id: EntityID(high: 2, low: 1), name: "u")

    private var whole: GatewayConfiguration {
        var configuration = GatewayConfiguration()
        configuration.services = [self.service]
        configuration.routes = [
            Route(
                id: EntityID(high: 3, low: 2),
                name: "b",
                service: self.service.id,
                paths: ["/b"]
            ),
            Route(
                id: EntityID(high: 3, low: 1),
                name: "a",
                service: self.service.id,
                paths: ["/a"]
            ),
        ]
        configuration.upstreams = [self.upstream]
        configuration.targets = [
            Target(id: EntityID(high: 4, low: 1), target: "x:1", upstream: self.upstream.id)
        ]
        var plugin = Plugin(id: EntityID(high: 5, low: 1), name: "correlation-id")
        plugin.route = configuration.routes[0].id
        configuration.plugins = [plugin]
        configuration.consumers = [Consumer(id: EntityID(high: 6, low: 1), username: "alice")]
        return configuration
    }

    @Test("survives the way to records and back, in any order")
    func records() throws {
        let whole = try self.whole.validated()

        #expect(try GatewayConfiguration(records: whole.entities()) == whole)
        #expect(try GatewayConfiguration(records: whole.entities().reversed()) == whole)
        #expect(whole.routes.map(\.name) == ["a", "b"])
    }

    @Test("refuses a record under another key, and names every record that is wrong")
    func badRecords() throws {
        let document = self.service.document

        let error = #expect(throws: EntityErrors.self) {
            try GatewayConfiguration(records: [
                (.services, someID, document), (.upstreams, otherID, .object([])),
            ])
        }

        #expect(
            error?.findings.map(\.message) == [
                "the record's key is not the entity's id", "required field missing",
                "required field missing", "the record's key is not the entity's id",
            ]
        )
    }

    @Test("looks entities up by id and by name")
    func lookup() {
        #expect(self.whole.service("s")?.id == self.service.id)
        #expect(self.whole.service(self.service.id.description)?.name == "s")
        #expect(self.whole.route("zz") == nil)
        #expect(self.whole.upstream("u")?.name == "u")
        #expect(self.whole.consumer("alice")?.username == "alice")
        #expect(self.whole.targets(of: self.upstream.id).count == 1)
        #expect(self.whole.routes(of: self.service.id).count == 2)
    }

    @Test("refuses dangling references, in Kong's words")
    func references() {
        var configuration = self.whole
        configuration.routes[0].service = otherID
        configuration.targets[0].upstream = otherID
        configuration.plugins[0].consumer = otherID

        #expect(
            configuration.findings().map(\.description) == [
                "routes[0].service: invalid reference 'service: {\"id\":\"\(otherID)\"}' "
                    + "(no such entry in 'services')",
                "targets[0].upstream: invalid reference 'upstream: {\"id\":\"\(otherID)\"}' "
                    + "(no such entry in 'upstreams')",
                "plugins[0].consumer: invalid reference 'consumer: {\"id\":\"\(otherID)\"}' "
                    + "(no such entry in 'consumers')",
            ]
        )
    }

    @Test("refuses names, keys, targets and plugin scopes twice, in Kong's words")
    func uniqueness() {
        var configuration = self.whole
        configuration.services.append(Service(id: someID, name: "s", host: "x"))
        configuration.routes[1].id = configuration.routes[0].id
        configuration.targets.append(configuration.targets[0])
        configuration.targets[1].id = someID
        configuration.plugins.append(configuration.plugins[0])
        configuration.plugins[1].id = someID

        let messages = configuration.findings().map(\.message)

        #expect(
            messages == [
                "uniqueness violation: 'services' entity with name set to 's' already declared",
                "uniqueness violation: 'targets' entity with target set to 'x:1' already declared",
                "uniqueness violation: 'plugins' entity with name set to 'correlation-id' "
                    + "already declared for the same route, service and consumer",
                "uniqueness violation: 'routes' entity with primary key set to "
                    + "'00000000-0000-0003-0000-000000000002' already declared",
            ]
        )
    }

    @Test("says once that a name repeats, and not that the key made from it does")
    func oneFindingPerName() {
        var configuration = self.whole
        configuration.services.append(configuration.services[0])

        #expect(
            configuration.findings().map(\.message) == [
                "uniqueness violation: 'services' entity with name set to 's' already declared"
            ]
        )
    }

    @Test("allows the same target in two upstreams")
    func sameTarget() {
        var configuration = self.whole
        configuration.upstreams.append(Upstream(id: someID, name: "v"))
        configuration.targets.append(Target(id: someID, target: "x:1", upstream: someID))

        #expect(configuration.findings() == [])
    }

    @Test("takes WebSocket as the HTTP it begins with, for plugins")
    func webSocketPlugins() {
        var configuration = self.whole
        configuration.routes[0].protocols = [.ws, .wss]

        #expect(configuration.findings() == [])
    }

    @Test("wants a plugin's protocols to meet its route's")
    func protocols() {
        var configuration = self.whole
        configuration.plugins[0].protocols = [.grpc]

        #expect(
            configuration.findings().map(\.message) == [
                "must match the associated route's protocols"
            ]
        )
    }
}

@Suite("What is not built yet")
struct UnbuiltFeaturesTests {
    @Test("is refused by name, so that a file that asks for a plugin does not run without it")
    func refusals() {
        var configuration = GatewayConfiguration()
        configuration.plugins = [
            Plugin(id: EntityID(high: 4, low: 1), name: "acme"),
            Plugin(id: EntityID(high: 4, low: 2), name: "my-own"),
            Plugin(id: EntityID(high: 4, low: 3), name: "prometheus"),
        ]

        #expect(
            configuration.findings().map(\.description) == [
                "plugins[0].name: plugin 'acme' is not built yet; "
                    + "remove it, or leave what it protects on a gateway that has it",
                "plugins[1].name: plugin 'my-own' not enabled; "
                    + "add it to the 'plugins' configuration property",
            ]
        )
    }

    @Test("does not hold a plugin that is off against a file, as Kong does not")
    func disabled() {
        var configuration = GatewayConfiguration()
        var known = Plugin(id: EntityID(high: 4, low: 1), name: "key-auth")
        var unknown = Plugin(id: EntityID(high: 4, low: 2), name: "my-own")
        (known.enabled, unknown.enabled) = (false, false)
        configuration.plugins = [known, unknown]

        #expect(configuration.findings().isEmpty)
    }

    @Test(
        "does not include any protocol, certificates or checks over TLS",
        arguments: GatewayProtocol.allCases
    )
    func protocols(protocol name: GatewayProtocol) {
        var configuration = GatewayConfiguration()
        var service = Service(id: EntityID(high: 1, low: 1), host: "a")
        service.protocol = name
        service.tlsVerify = true
        var route = Route(id: EntityID(high: 2, low: 1), service: service.id, paths: ["/"])
        route.protocols = [name]
        route.snis = ["a"]
        var upstream = Upstream(id: EntityID(high: 3, low: 1), name: "u")
        upstream.healthchecks.active.type = .grpcs
        upstream.healthchecks.active.healthy.interval = 1
        upstream.clientCertificate = someID
        configuration.services = [service]
        configuration.routes = [route]
        configuration.upstreams = [upstream]
        configuration.certificates = [Certificate(id: someID, cert: "PEM", key: "PEM")]
        configuration.snis = [SNI(id: otherID, name: "*", certificate: someID)]

        #expect(configuration.findings() == [])
    }

    @Test("covers every kind of credential")
    func credentials() {
        #expect(
            UnbuiltFeatures.refusal(ofCollection: "oauth2_credentials")
                == "'oauth2_credentials' cannot be used: "
                + "credentials (plugin 'oauth2') are not built yet"
        )
        #expect(UnbuiltFeatures.refusal(ofCollection: "keyauth_credentials") == nil)
        #expect(UnbuiltFeatures.refusal(ofCollection: "services") == nil)
    }
}
