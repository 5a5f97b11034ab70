import MeshEntities
import MeshPlugins
import Testing

@Suite("A plugin chain")
struct PluginChainTests {
    private let route = EntityID(high: 1, low: 1)
    private let service = EntityID(high: 1, low: 2)

    @Test("is empty without plugins and with prometheus, whose metrics are built in")
    func empty() throws {
        #expect(PluginChain.empty.isEmpty)
        #expect(try PluginChain("prometheus").isEmpty)
        #expect(Exchange(.empty).answer == nil)
        #expect(Exchange(.empty).upstreamLines == "")
    }

    @Test("runs the instance with the most specific scope only")
    func precedence() throws {
        var plugins: [Plugin] = []
        let scopes: [(EntityID?, EntityID?)] = [
            (nil, nil), (nil, self.service), (self.route, nil), (self.route, self.service),
        ]
        let scope = PluginScope(route: self.route, service: self.service)
        for (index, (route, service)) in scopes.enumerated() {
            let status = 400 + UInt16(index)
            var plugin = Plugin.numbered(
                UInt64(9 - index),
                "request-termination",
                ["status_code": .integer(Int64(status))]
            )
            plugin.route = route
            plugin.service = service
            plugins.append(plugin)

            let forward = try PluginChain(compiling: plugins, for: scope)
            let backward = try PluginChain(compiling: plugins.reversed(), for: scope)

            #expect(Exchange(forward).answer?.status == status)
            #expect(Exchange(backward).answer?.status == status)
        }
    }

    @Test("leaves out plugins of other scopes, disabled ones and those of other protocols")
    func excluded() throws {
        var foreign = Plugin.numbered(1, "request-termination")
        foreign.route = EntityID(high: 9, low: 9)
        var consumers = Plugin.numbered(2, "request-termination")
        consumers.consumer = EntityID(high: 9, low: 9)
        var disabled = Plugin.numbered(3, "request-termination")
        disabled.enabled = false
        var stream = Plugin.numbered(4, "request-termination")
        stream.protocols = [.tcp]

        let chain = try PluginChain(
            compiling: [foreign, consumers, disabled, stream],
            for: PluginScope(route: self.route, service: self.service)
        )

        #expect(chain.isEmpty)
    }

    @Test("ranks scopes in Kong's order", arguments: 0..<8)
    func ranks(mask: Int) {
        let identity = EntityID(high: 0, low: 1)
        var plugin = Plugin.numbered(1, "x")
        plugin.route = mask & 1 != 0 ? identity : nil
        plugin.service = mask & 2 != 0 ? identity : nil
        plugin.consumer = mask & 4 != 0 ? identity : nil
        let scope = PluginScope(route: identity, service: identity, consumer: identity)

        #expect(scope.specificity(of: plugin) == [0, 2, 1, 4, 3, 6, 5, 7][mask])
    }

    @Test("gives a request its identity before it is answered")
    func order() throws {
        let chain = try PluginChain(
            compiling: [
                .numbered(1, "request-termination"),
                .numbered(2, "correlation-id", ["echo_downstream": .bool(true)]),
            ],
            for: PluginScope(route: nil, service: nil)
        )

        let exchange = Exchange(chain)

        #expect(exchange.answer?.status == 503)
        #expect(exchange.downstreamLines.hasPrefix("Kong-Request-ID: "))
    }

    @Test("is compiled from built plugins only")
    func catalogue() throws {
        for name in PluginCatalogue.builtNames { try PluginCatalogue.check(.numbered(1, name)) }
        let error = #expect(throws: PluginError.self) {
            try PluginCatalogue.check(.numbered(1, "jwt"))
        }

        #expect(
            error?.description == """
                plugin jwt (00000000-0000-0000-0000-000000000001): name: plugin is not built yet
                """
        )
    }
}
