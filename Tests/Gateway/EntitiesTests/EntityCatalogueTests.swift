import MeshEntities
import Testing

@Suite("The catalogue of entities")
struct EntityCatalogueTests {
    private static let service = EntityID(high: 1, low: 1)
    private static let route = EntityID(high: 2, low: 1)

    private static func catalogue() -> EntityCatalogue {
        var configuration = GatewayConfiguration()
        configuration.services = [Service(id: Self.service, name: "web", host: "api")]
        configuration.routes = [
            Route(id: Self.route, name: "all", service: Self.service, paths: ["/"])
        ]
        return EntityCatalogue(configuration)
    }

    @Test("finds by id and by name, and what refers to an entity")
    func finds() throws {
        let catalogue = Self.catalogue()
        let key = try #require(EntityKind.routes.foreignKeys.first)

        #expect(catalogue.id(of: .services, named: "web") == Self.service)
        #expect(catalogue.id(of: .services, named: "\(Self.service)") == Self.service)
        #expect(catalogue.id(of: .services, named: "WEB") == nil)
        #expect(catalogue.ids(referringBy: key, to: Self.service) == [Self.route])
    }

    @Test("tells of secrets that a change refers to and that are not there")
    func secrets() throws {
        func plugin(_ text: String) -> EntityChange {
            let id = EntityID(high: 3, low: 1)
            let plugin = Plugin(
                id: id,
                name: "session",
                config: .record(["secret": .string(text)])
            )
            return EntityChange(kind: .plugins, id: id, document: plugin.document)
        }
        func vault(_ prefix: String) -> EntityChange {
            var vault = Vault(id: EntityID(high: 4, low: 1), prefix: "mine")
            vault.variablePrefix = prefix
            return EntityChange(kind: .vaults, id: vault.id, document: vault.document)
        }
        let environment = ["HERE": "x", "A_HERE": "y"]
        func missing(_ catalogue: EntityCatalogue, _ changes: EntityChange...) -> String? {
            do throws(MissingSecret) {
                _ = try catalogue.checkSecrets(after: changes) { environment[$0] }
                return nil
            } catch {
                return error.variable ?? error.reference
            }
        }
        var catalogue = Self.catalogue()

        #expect(missing(catalogue, plugin("{vault://env/here}")) == nil)
        #expect(missing(catalogue, plugin("{vault://env/gone}")) == "GONE")
        #expect(missing(catalogue, vault("A_"), plugin("{vault://mine/here}")) == nil)
        catalogue.apply(vault("A_"))
        catalogue.apply(plugin("{vault://mine/here}"))
        #expect(missing(catalogue, vault("B_")) == "B_HERE")
        #expect(missing(catalogue, plugin("plain")) == nil)
        #expect(missing(catalogue, plugin("{vault://none/a}")) == "{vault://none/a}")
        let gone = EntityChange(kind: .vaults, id: vault("").id, document: nil)
        #expect(missing(catalogue, gone) == nil)
    }

    @Test("asks a node that lacks a secret for nothing that is held already, or not in use")
    func heldSecrets() throws {
        func plugin(
            _ secret: String,
            audience: String = "a",
            enabled: Bool = true
        ) -> EntityChange {
            let id = EntityID(high: 3, low: 1)
            var plugin = Plugin(
                id: id,
                name: "session",
                config: .record(["secret": .string(secret), "audience": .string(audience)])
            )
            plugin.enabled = enabled
            return EntityChange(kind: .plugins, id: id, document: plugin.document)
        }
        func vault(_ low: UInt64, _ prefix: String, tags: [String] = []) -> EntityChange {
            var vault = Vault(id: EntityID(high: 4, low: low), prefix: prefix)
            vault.tags = tags
            return EntityChange(kind: .vaults, id: vault.id, document: vault.document)
        }
        var catalogue = Self.catalogue()
        func error(_ changes: EntityChange...) -> MissingSecret? {
            do throws(MissingSecret) {
                _ = try catalogue.checkSecrets(after: changes) { $0 == "HERE" ? "x" : nil }
                return nil
            } catch {
                return error
            }
        }
        catalogue.apply(vault(1, "mine"))
        catalogue.apply(vault(2, "unused"))
        catalogue.apply(plugin("{vault://mine/gone}"))

        #expect(error(plugin("{vault://mine/gone}", enabled: false)) == nil)
        #expect(error(plugin("{vault://mine/gone}", audience: "{vault://env/here}")) == nil)
        #expect(error(plugin("{vault://env/away}", enabled: false)) == nil)
        #expect(error(vault(3, "third")) == nil)
        #expect(error(vault(1, "mine", tags: ["t"])) == nil)
        let removal = EntityChange(kind: .vaults, id: vault(2, "").id, document: nil)
        #expect(error(removal) == nil)
        // A reference that another vault's removal breaks hides none of a missing variable.
        let both = plugin("{vault://none/a}", audience: "{vault://env/away}")
        #expect(error(removal, both)?.variable == "AWAY")
        catalogue.apply(plugin("{vault://env/gone}", enabled: false))
        #expect(error(plugin("{vault://env/gone}"))?.variable == "GONE")
    }

    @Test("returns what the secrets of a change are, and refuses a certificate without PEM")
    func resolvedSecrets() throws {
        let catalogue = Self.catalogue()
        let plugin = Plugin(
            id: EntityID(high: 3, low: 1),
            name: "session",
            config: .record(["secret": .string("{vault://env/here}")])
        )
        let change = EntityChange(kind: .plugins, id: plugin.id, document: plugin.document)
        let resolved = try catalogue.checkSecrets(after: [change]) { _ in "hidden" }
        #expect(resolved.plugins.map { $0.config["secret"]?.text } == ["hidden"])

        let certificate = Certificate(
            id: EntityID(high: 5, low: 1),
            cert: "{vault://env/home}",
            key: "{vault://env/home}"
        )
        let other = EntityChange(
            kind: .certificates,
            id: certificate.id,
            document: certificate.document
        )
        let error = #expect(throws: MissingSecret.self) {
            try catalogue.checkSecrets(after: [other]) { _ in "/root" }
        }
        #expect(error?.flaw == "invalid certificate: no PEM certificate found")
        #expect(error.map { "\($0)" }?.contains("/root") == false)
    }

    @Test("forgets old names and references when an entity changes or goes")
    func forgets() throws {
        var catalogue = Self.catalogue()
        let key = try #require(EntityKind.routes.foreignKeys.first)
        let before = catalogue
        let renamed = Route(id: Self.route, name: "some", paths: ["/"])
        catalogue.apply(
            EntityChange(kind: .routes, id: Self.route, document: renamed.document)
        )

        #expect(catalogue.id(of: .routes, named: "all") == nil)
        #expect(catalogue.id(of: .routes, named: "some") == Self.route)
        #expect(!catalogue.isReferred(by: key, Self.service))
        #expect(before.isReferred(by: key, Self.service))

        catalogue.apply(EntityChange(kind: .routes, id: Self.route, document: nil))
        #expect(catalogue.count(of: .routes) == 0)
        #expect(catalogue.row(.routes, Self.route) == nil)
        #expect(catalogue.id(of: .routes, named: "some") == nil)
    }

    @Test("made of all stored entities at once is what it is made one by one, and changes alike")
    func stored() throws {
        let apart = Self.catalogue()
        let bodies = EntityKind.allCases.flatMap { kind in
            apart.ids(of: kind).reversed().compactMap { id in
                apart.body(kind, id).map { (kind: kind, id: id, body: $0) }
            }
        }
        var catalogue = EntityCatalogue(stored: bodies.reversed())
        let key = try #require(EntityKind.routes.foreignKeys.first)

        #expect(catalogue.ids(of: .routes) == [Self.route])
        #expect(catalogue.row(.services, Self.service) == apart.row(.services, Self.service))
        #expect(catalogue.id(of: .services, named: "web") == Self.service)
        #expect(catalogue.ids(referringBy: key, to: Self.service) == [Self.route])
        catalogue.apply(EntityChange(kind: .routes, id: Self.route, document: nil))
        #expect(catalogue.ids(of: .routes).isEmpty)
        #expect(catalogue.id(of: .routes, named: "all") == nil)
        #expect(!catalogue.isReferred(by: key, Self.service))
    }

    @Test("keeps ids in order, however they come")
    func order() {
        var catalogue = EntityCatalogue()
        for low in [5, 1, 4, 2, 3, 1] as [UInt64] {
            let service = Service(id: EntityID(high: 0, low: low), host: "a")
            catalogue.apply(
                EntityChange(kind: .services, id: service.id, document: service.document)
            )
        }

        #expect(catalogue.ids(of: .services).map(\.low) == [1, 2, 3, 4, 5])
    }

    @Test("names a state by its content")
    func fingerprints() throws {
        var catalogue = Self.catalogue()
        let first = try #require(catalogue.row(.services, Self.service)?.fingerprint)
        var service = Service(id: Self.service, name: "web", host: "api")
        service.retries = 6
        catalogue.apply(
            EntityChange(kind: .services, id: Self.service, document: service.document)
        )
        let second = try #require(catalogue.row(.services, Self.service)?.fingerprint)

        #expect(first != second)
        #expect(first == Self.catalogue().row(.services, Self.service)?.fingerprint)
    }
}

@Suite("Planning an edit")
struct EntityEditorTests {
    private static let made = EntityID(high: 9, low: 9)

    private func editor(_ catalogue: EntityCatalogue = EntityCatalogue()) -> EntityEditor {
        EntityEditor(catalogue: catalogue, now: 1_700_000_000.25) { Self.made }
    }

    private func input(_ json: String) throws -> DocumentNode {
        try JSONText.parse(Array(json.utf8))
    }

    @Test("sets the times itself: whole seconds, of targets with milliseconds")
    func times() throws {
        let made = try self.editor().create(.upstreams, self.input(#"{"name": "u"}"#))
        #expect(made.row?.document["created_at"] == .integer(1_700_000_000))
        let target = try self.editor().assuming(made).create(
            .targets,
            self.input(#"{"target": "a", "upstream": {"name": "u"}}"#)
        )
        #expect(target.row?.document["updated_at"] == .number(1_700_000_000.25))
    }

    @Test("keeps the time of creation over changes")
    func keepsCreation() throws {
        let catalogue = EntityCatalogue()
        let old = try self.editor(catalogue).create(
            .services,
            self.input(#"{"host": "a", "created_at": 7}"#)
        )
        let row = try #require(old.row)
        let editor = self.editor(catalogue).assuming(old)
        let updated = try editor.update(row, self.input(#"{"port": 1}"#))
        let replaced = try editor.replace(.services, row.id, self.input(#"{"host": "b"}"#))

        for edit in [updated, replaced] {
            #expect(edit.row?.document["created_at"] == .integer(7))
            #expect(edit.row?.document["updated_at"] == .integer(1_700_000_000))
        }
    }

    @Test("takes along what cascades, before what it belongs to")
    func cascades() throws {
        var configuration = GatewayConfiguration()
        let upstream = Upstream(id: EntityID(high: 1, low: 1), name: "u")
        configuration.upstreams = [upstream]
        configuration.targets = [
            Target(id: EntityID(high: 2, low: 2), target: "a:1", upstream: upstream.id)
        ]
        let edit = try self.editor(EntityCatalogue(configuration)).remove(.upstreams, upstream.id)

        #expect(edit.changes.map(\.kind) == [.targets, .upstreams])
        #expect(edit.changes.allSatisfy { $0.document == nil })
    }

    @Test("keeps an authority that a service trusts")
    func authorities() throws {
        var configuration = GatewayConfiguration()
        let authority = CACertificate(
            id: EntityID(high: 1, low: 1),
            cert: "-----BEGIN CERTIFICATE-----"
        )
        var service = Service(id: EntityID(high: 2, low: 2), host: "a")
        service.caCertificates = [authority.id]
        configuration.caCertificates = [authority]
        configuration.services = [service]
        let editor = self.editor(EntityCatalogue(configuration))

        let refusal = #expect(throws: EditRefusal.self) {
            try editor.remove(.caCertificates, authority.id)
        }
        #expect(refusal?.code == 19)
        let dangling = #expect(throws: EditRefusal.self) {
            try editor.create(
                .services,
                self.input(
                    #"{"host": "a", "protocol": "https", "ca_certificates": ["\#(Self.made)"]}"#
                )
            )
        }
        #expect(dangling?.message.contains("CA certificates do not exist") == true)
    }

    @Test("keeps authorities that a plugin takes clients' certificates from")
    func pluginAuthorities() throws {
        var configuration = GatewayConfiguration()
        let authority = CACertificate(
            id: EntityID(high: 1, low: 1),
            cert: "-----BEGIN CERTIFICATE-----"
        )
        configuration.caCertificates = [authority]
        let plugin = { (id: EntityID) in
            #"{"name": "mtls-auth", "config": {"ca_certificates": ["\#(id)"]}}"#
        }
        let editor = self.editor(EntityCatalogue(configuration))
        let dangling = #expect(throws: EditRefusal.self) {
            try editor.create(.plugins, self.input(plugin(EntityID(high: 9, low: 9))))
        }
        #expect(dangling?.message.contains("CA certificates do not exist") == true)
        #expect(dangling?.fields?["config"]?["ca_certificates"] != nil)

        var catalogue = EntityCatalogue(configuration)
        for change in try editor.create(.plugins, self.input(plugin(authority.id))).changes {
            catalogue.apply(change)
        }
        let refusal = #expect(throws: EditRefusal.self) {
            try self.editor(catalogue).remove(.caCertificates, authority.id)
        }
        #expect(refusal?.message.contains("still referenced by plugins") == true)
    }

    @Test("refuses a plugin that would never run")
    func scopes() throws {
        var configuration = GatewayConfiguration()
        var route = Route(id: EntityID(high: 1, low: 1), paths: ["/"])
        route.protocols = [.http, .https]
        configuration.routes = [route]
        let refusal = #expect(throws: EditRefusal.self) {
            try self.editor(EntityCatalogue(configuration)).create(
                .plugins,
                self.input(
                    #"{"name": "prometheus", "protocols": ["grpc"], "route": {"id": "\#(route.id)"}}"#
                )
            )
        }
        #expect(
            refusal?.fields?["protocols"]?.text == "must match the associated route's protocols"
        )
    }
}

@Suite("The schemas of entities")
struct EntitySchemaTests {
    @Test("name the fields that entities have, in their order", arguments: EntityKind.allCases)
    func fields(kind: EntityKind) throws {
        var configuration = GatewayConfiguration()
        var findings: [Finding] = []
        configuration.append(DocumentNode(.object([])), kind, at: .root, &findings)
        let document = try #require(configuration.entries(of: kind).first?.document)

        #expect(kind.fields.map(\.name) == document.fields?.map(\.name))
        for field in kind.fields {
            guard let standard = field.standard else { continue }
            #expect(document[field.name] == standard, "\(kind) \(field.name)")
        }
        let required = findings.filter { $0.message == "required field missing" }.map(\.path)
        // What the Admin API makes up, a file must give.
        let automatic = kind.fields.filter(\.isAutomatic).map(\.name)
        #expect(
            Set(kind.fields.filter(\.isRequired).map(\.name))
                == Set(required).subtracting(automatic)
        )
    }

    @Test("name the fields of health checks with their defaults")
    func healthchecks() throws {
        let upstream = Upstream(id: EntityID(high: 0, low: 1), name: "u")
        let field = try #require(EntityKind.upstreams.fields.first { $0.name == "healthchecks" })

        self.compare(field.shape, try #require(upstream.document["healthchecks"]))
    }

    private func compare(_ shape: FieldSchema.Shape, _ value: DocumentValue) {
        guard case .record(let fields) = shape else { return }
        #expect(fields.map(\.name) == value.fields?.map(\.name))
        for field in fields {
            let own = value[field.name] ?? .null
            if let standard = field.standard { #expect(own == standard, "\(field.name)") }
            self.compare(field.shape, own)
        }
    }
}

@Suite("Forms")
struct FormTextTests {
    private func read(_ pairs: [(String, String)]) -> String {
        FormText.document(
            pairs.map { (name: $0.0, value: $0.1) },
            fields: [
                FieldSchema("n", .integer), FieldSchema("f", .boolean), FieldSchema("s", .string),
                FieldSchema("l", .array(.string)), FieldSchema("i", .set(.integer)),
                FieldSchema("m", .map(.array(.string))),
                FieldSchema("r", .record([FieldSchema("n", .number)])),
            ]
        ).json
    }

    @Test("become what the schema says")
    func types() {
        #expect(
            self.read([("n", "5"), ("f", "true"), ("s", "5"), ("r.n", "1.5"), ("s2", "x")])
                == #"{"n":5,"f":true,"s":"5","r":{"n":1.5},"s2":"x"}"#
        )
        #expect(self.read([("n", "x"), ("f", "yes")]) == #"{"n":"x","f":"yes"}"#)
        #expect(self.read([("s", "")]) == #"{"s":null}"#)
    }

    @Test("become lists by brackets, indexes and repetition")
    func lists() {
        #expect(self.read([("l[]", "a"), ("l[]", "b")]) == #"{"l":["a","b"]}"#)
        #expect(self.read([("l[1]", "a"), ("l[2]", "b")]) == #"{"l":["a","b"]}"#)
        #expect(self.read([("l", "a"), ("l", "b")]) == #"{"l":["a","b"]}"#)
        #expect(self.read([("l", "a")]) == #"{"l":["a"]}"#)
        #expect(self.read([("i[]", "1")]) == #"{"i":[1]}"#)
        #expect(
            self.read([("m.x-a", "1"), ("m.x-b[]", "2")]) == #"{"m":{"x-a":["1"],"x-b":["2"]}}"#
        )
    }

    @Test(
        "never trap",
        arguments: ["", ".", "[]", "a[", "a]", "a[b]", "..", "a[99999999999999999999]", "l[0]"]
    )
    func hostile(name: String) {
        _ = self.read([(name, "x"), (name, "y"), ("\(name).z", "w")])
    }
}
