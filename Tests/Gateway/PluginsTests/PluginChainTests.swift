import MeshEntities
import Testing

@testable import MeshPlugins

@Suite("A plugin chain")
struct PluginChainTests {
    private let route = EntityID(high: 1, low: 1)
    private let service = EntityID(high: 1, low: 2)

    private func chain(_ plugins: [Plugin]) throws -> PluginChain {
        try PluginChain(plugins, route: self.route, service: self.service)
    }

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

            let forward = try self.chain(plugins)
            let backward = try self.chain(plugins.reversed())

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

        #expect(try self.chain([foreign, consumers, disabled, stream]).isEmpty)
    }

    @Test("ranks scopes in Kong's order", arguments: 0..<12)
    func ranks(mask: Int) {
        let identity = EntityID(high: 0, low: 1)
        var plugin = Plugin.numbered(1, "x")
        plugin.route = mask & 1 != 0 ? identity : nil
        plugin.service = mask & 2 != 0 ? identity : nil
        plugin.consumer = mask & 4 != 0 ? identity : nil
        plugin.consumerGroup = mask & 8 != 0 ? identity : nil

        #expect(PluginScope.rank(of: plugin) == [12, 10, 11, 7, 8, 3, 4, 1, 9, 5, 6, 2][mask])
    }

    @Test("gives a request its identity before it is answered")
    func order() throws {
        let chain = try self.chain([
            .numbered(1, "request-termination"),
            .numbered(2, "correlation-id", ["echo_downstream": .bool(true)]),
        ])

        let exchange = Exchange(chain)

        #expect(exchange.answer?.status == 503)
        #expect(exchange.downstreamLines.hasPrefix("Kong-Request-ID: "))
    }

    @Test("is compiled from built plugins only")
    func catalogue() throws {
        #expect(Set(PluginCatalogue.builtNames) == UnbuiltFeatures.builtPlugins)
        let error = #expect(throws: PluginError.self) {
            try PluginChain([.numbered(1, "acme")])
        }

        #expect(
            error?.description == """
                plugin acme (00000000-0000-0000-0000-000000000001): name: plugin is not built yet
                """
        )
    }
}
