import MeshDeclarative
import MeshEntities
import Testing

@Suite("A single entity is refused when the router could not find by it")
struct EntityExaminationTests {
    private static let id = EntityID(high: 1, low: 1)

    private static func findings(_ route: Route, _ flavor: RouterFlavor) -> [String] {
        var configuration = GatewayConfiguration()
        configuration.routes = [route]
        return EntityExamination.findings(in: &configuration, flavor: flavor).map(\.description)
    }

    @Test(
        "an expression where routes are written in fields",
        arguments: [RouterFlavor.traditionalCompatible, .traditional]
    )
    func flavor(_ flavor: RouterFlavor) {
        var route = Route(id: Self.id, name: "r")
        route.expression = #"http.path == "/x""#
        route.priority = 1
        let found = Self.findings(route, flavor)

        #expect(found.count == 2, "\(found)")
        #expect(found.allSatisfy { $0.contains("needs the router flavor 'expressions'") })
        #expect(Self.findings(route, .expressions).isEmpty)
    }

    @Test("an expression that cannot be read")
    func expression() {
        var route = Route(id: Self.id, name: "r")
        route.expression = "http.path == "
        let found = Self.findings(route, .expressions)

        #expect(found.count == 1)
        #expect(found[0].contains("Router Expression failed validation"), "\(found)")
    }

    @Test(
        "a secret of a vault that the plugin cannot use, of which nothing is told",
        arguments: [
            ("standard-webhooks", "secret_v1", "", false), ("session", "secret", "", false),
            ("session", "cookie_name", "hidden name", false), ("session", "secret", "fine", true),
        ]
    )
    func secrets(name: String, field: String, secret: String, isUsable: Bool) {
        var configuration = GatewayConfiguration()
        configuration.plugins = [
            Plugin(
                id: Self.id,
                name: name,
                config: .object([DocumentField(field, .string(secret))])
            )
        ]
        let refusal = EntityExamination.refusal(
            ofSecretsIn: configuration,
            flavor: .traditionalCompatible
        )
        #expect((refusal == nil) == isUsable)
        #expect(isUsable || refusal?.hasPrefix("plugins[0].config.\(field): what") == true)
        #expect(refusal?.contains("hidden") != true)
    }

    @Test("a path that is too long for the router, and a way to join paths that is not built")
    func paths() {
        let long = Route(
            id: Self.id,
            name: "r",
            paths: ["/" + String(repeating: "a", count: 65_535)]
        )
        var joined = Route(id: Self.id, name: "r", paths: ["/a"])
        joined.pathHandling = .v1

        #expect(Self.findings(long, .traditionalCompatible).count == 1)
        #expect(Self.findings(joined, .traditional).count == 1)
        #expect(Self.findings(joined, .traditionalCompatible).isEmpty)
    }
}
