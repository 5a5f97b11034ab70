import MeshEntities
import MeshHTTP
import Testing

@testable import MeshPlugins

/// The plugin that the page "Adding a plugin" walks through: requests of one method are answered 405,
/// and all others are marked.
private struct MethodGate: Sendable {
    static let definition = PluginDefinition(
        name: "method-gate",
        priority: 985,
        fields: [
            .required("methods", .set(.string)),
            .standard("mark", .string, .string("checked")),
        ],
        compile: { settings throws(PluginError) in
            let plugin = try MethodGate(settings)
            return PluginStep(access: { request, _, edits in plugin.access(request, &edits) })
        }
    )

    private static let refusal = PluginAnswer(status: 405, error: "Method not allowed")

    private let methods: [[UInt8]]
    private let mark: [UInt8]

    private init(_ settings: PluginSettings) throws(PluginError) {
        let mark = try settings.text("mark") ?? ""
        guard FieldText.isValue(mark) else {
            throw settings.error("mark", "a header value has no control characters")
        }
        self.methods = try settings.texts("methods")?.map { Array($0.utf8) } ?? []
        self.mark = Array(mark.utf8)
    }

    private func access(_ request: PluginRequest, _ edits: inout PluginEdits) -> PluginVerdict {
        let method = request.head.methodName.bytes(of: request.bytes)
        guard !self.methods.contains(where: { method.elementsEqual($0) }) else {
            return .answer(Self.refusal)
        }
        self.mark.withUnsafeBytes { edits.set("x-gate", $0) }
        return .next
    }
}

@Suite("A plugin as a contributor adds one")
struct ExamplePluginTests {
    private func errors(_ config: KeyValuePairs<String, DocumentValue>) -> [String] {
        let settings = PluginSettings(
            plugin: .numbered(1, "method-gate", config),
            fields: MethodGate.definition.fields
        )
        return SettingsCheck.errors(in: settings).map { "\($0.field): \($0.message)" }
    }

    private func chain(
        _ config: KeyValuePairs<String, DocumentValue>
    ) throws(PluginError) -> PluginChain {
        let definition = MethodGate.definition
        let step = try definition.compile(
            PluginSettings(
                plugin: .numbered(1, "method-gate", config),
                fields: definition.fields
            )
        )
        return PluginChain(steps: step.map { [(definition.priority, $0)] } ?? [])
    }

    @Test("has its settings checked in Kong's words before it reads them")
    func settings() {
        #expect(self.errors([:]) == ["config.methods: required field missing"])
        #expect(
            self.errors(["methods": .string("GET"), "mork": .integer(1)]) == [
                "config.methods: expected a set", "config.mork: unknown field",
            ]
        )
        #expect(
            self.errors(["methods": .list([.integer(1)]), "mark": .bool(true)]) == [
                "config.methods.0: expected a string", "config.mark: expected a string",
            ]
        )
        #expect(self.errors(["methods": .list([])]).isEmpty)
    }

    @Test("says itself what the schema cannot")
    func own() {
        let error = #expect(throws: PluginError.self) {
            try self.chain(["methods": .list([]), "mark": .string("a\r\nb")])
        }
        #expect(error?.field == "config.mark")
    }

    @Test("answers a request, or lets it pass with another head")
    func runs() throws {
        let open = Exchange(try self.chain(["methods": .list([.string("TRACE")])]))
        #expect(open.answer == nil)
        #expect(open.upstreamLines == "x-gate: checked\r\n")
        let shut = Exchange(try self.chain(["methods": .list([.string("GET")])]))
        #expect(shut.answer?.status == 405)
        #expect(shut.answerText == "Method not allowed")
    }
}
