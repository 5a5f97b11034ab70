import MeshDeclarative
import MeshEntities
import Testing

@Suite("A written declarative file")
struct DeclarativeFileWriteTests {
    @Test(
        "reads back as an equal configuration",
        arguments: [Files.mesh, Files.old, Files.anchors]
    )
    func roundTrip(text: String) throws {
        let configuration = try load(text)

        let written = DeclarativeFile.write(configuration)

        #expect(try load(written) == configuration)
        #expect(DeclarativeFile.write(try load(written)) == written)
    }

    @Test("is short, sorted, and has children inside their parents")
    func canonical() throws {
        let configuration = try load(
            """
            _format_version: "3.0"
            services:
              - { name: b, host: b.example }
              - name: a
                host: a.example
                routes: [{ name: r, paths: ["/yes", "~/x$"], strip_path: true }]
            upstreams:
              - name: u
                healthchecks: { active: { healthy: { interval: 1.5 }, timeout: 1 } }
                targets: [{ target: t, tags: ["region:eu"] }]
            """
        )

        #expect(
            DeclarativeFile.write(configuration) == """
                _format_version: "3.0"
                services:
                - id: 72734e2a-702d-5711-b9ef-697178108ad8
                  name: a
                  host: a.example
                  routes:
                  - id: da7ba03a-f1be-52d4-8a7e-c8f32640689a
                    name: r
                    paths:
                    - /yes
                    - "~/x$"
                - id: e5f4d1ca-89cf-5899-a4d1-8793e8d1e98a
                  name: b
                  host: b.example
                upstreams:
                - id: 597a2b96-28b9-56b9-8745-bb55e59539cc
                  name: u
                  healthchecks:
                    active:
                      healthy:
                        interval: 1.5
                  targets:
                  - id: 254101c5-58cf-52c3-93b2-69f16faddcf1
                    target: "t:8000"
                    tags:
                    - "region:eu"

                """
        )
    }

    @Test(
        "keeps texts that YAML would take for something else",
        arguments: [
            "yes", "null", "~", "1.0", "0x1F", "- a", "a: b", "a #b", "*a", "&a", "é", "a\nb",
            "\u{85}", "\u{2028}x", " lead", "trail ", "\"q\"", "'", "{", "[", "!", "%", "@", "`",
            "2026-01-02", "12:30", "\t", "\u{7F}", "x\u{FEFF}", "😀", "y", "=", "<<", ".inf",
        ]
    )
    func texts(text: String) throws {
        var configuration = GatewayConfiguration()
        let id = try #require(EntityID("11111111-1111-4111-8111-111111111111"))
        let config = DocumentValue.record([
            "value": .string(text), "list": .list([.string(text), .list([.string(text)])]),
            "empty": .object([]), "none": .null, "flag": .bool(true), "number": .number(0.1),
        ])
        // Off, so that nobody asks what its settings mean.
        var plugin = Plugin(
            id: id,
            name: "aws-lambda",
            config: .object((config.fields ?? []) + [DocumentField(text, .integer(1))])
        )
        plugin.enabled = false
        configuration.plugins = [plugin]

        #expect(try load(DeclarativeFile.write(configuration)) == configuration)
    }
}
