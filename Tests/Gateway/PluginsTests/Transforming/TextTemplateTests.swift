import Testing

@testable import MeshPlugins

@Suite("Templates of transformers")
struct TextTemplateTests {
    private struct Values: TemplateValues {
        func value(_ table: LuaExpression.Table, _ key: String) -> [UInt8]? {
            let known = [
                "headers.x-user": "Ada", "query_params.a": "1", "uri_captures.1": "c1",
                "uri_captures.name": "cn", "headers.empty": "",
            ]
            return known["\(table.rawValue).\(key)"].map { Array($0.utf8) }
        }
    }

    @Test(
        "render what people write",
        arguments: [
            ("plain: $ ( )", "plain: $ ( )"),
            ("a$(query_params.a)b", "a1b"),
            (#"$(headers["x-user"])"#, "Ada"),
            ("$(headers['x-user'])/$(uri_captures[1])/$(uri_captures.name)", "Ada/c1/cn"),
            (#"$(uri_captures["name"])"#, "cn"),
            ("$(query_params.missing)", ""),
            ("$(query_params.missing or 'none')", "none"),
            (#"$(query_params.a or "none")"#, "1"),
            ("$(query_params.missing and 'yes' or 'no')", "no"),
            ("$((query_params.a == '1') and \"one\" or \"other\")", "one"),
            ("$(query_params.a ~= '1')", ""),
            ("$(not query_params.missing)", "true"),
            ("$('x' .. headers['x-user'] .. 2)", "xAda2"),
            ("$(headers['x-user']:lower())", "ada"),
            ("$(string.upper(headers['x-user']))", "ADA"),
            ("$(headers['x-user']:sub(2))", "da"),
            ("$(headers['x-user']:sub(-2, -2))", "d"),
            ("$(headers['x-user']:len())", "3"),
            ("$(tostring(query_params.a))", "1"),
            ("$(shared.x or 'unset')", "unset"),
            ("$('(' .. ')')", "()"),
        ]
    )
    func render(template: String, expected: String) throws {
        let text = try TextTemplate(template).render(Values())
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test(
        "refuse by name what they cannot obey",
        arguments: [
            ("$(os.getenv('HOME'))", "$(os.getenv('HOME'))", "'os' is not built"),
            (
                "$(headers.x:gsub('a', 'b'))", "$(headers.x:gsub('a', 'b'))",
                "the function 'gsub' is not built"
            ),
            ("x$(headers.a", "$(headers.a", "its parenthesis is not closed"),
            ("$(headers[x])", "$(headers[x])", "only a text or a number may stand in place of 'x'"),
            ("$(headers.a + 1)", "$(headers.a + 1)", "'+' is not built"),
            ("$()", "$()", "'the end' is not expected"),
            ("$('a)", "$('a)", "its parenthesis is not closed"),
        ]
    )
    func refusals(template: String, expression: String, reason: String) {
        let fault = #expect(throws: LuaExpression.Fault.self) { try TextTemplate(template) }
        #expect(fault?.expression == expression)
        #expect(fault?.reason == reason)
    }

    @Test("are read to a bounded depth")
    func depth() {
        let nested =
            String(repeating: "(", count: 5_000) + "nil" + String(repeating: ")", count: 5_000)
        #expect(throws: LuaExpression.Fault.self) { try TextTemplate("$(\(nested))") }
    }
}

@Suite("Arguments of queries and forms")
struct ArgumentsTests {
    private func text(_ arguments: Arguments) -> String {
        String(decoding: arguments.encoded, as: UTF8.self)
    }

    private func read(_ text: String) -> Arguments {
        Array(text.utf8).withUnsafeBytes { Arguments($0) }
    }

    @Test(
        "are written as they are read, escapes in one form",
        arguments: [
            ("a=1&b=2", "a=1&b=2"), ("a", "a"), ("a=", "a="), ("&&a=1&", "a=1"), ("=x", ""),
            ("a=%41%2f+b%", "a=A%2F%20b%25"), ("a=1&a=2", "a=1&a=2"),
        ]
    )
    func roundTrip(text: String, expected: String) {
        #expect(self.text(self.read(text)) == expected)
    }

    @Test("follow Kong's order: remove, rename, replace, add, append")
    func rules() {
        var arguments = self.read("gone=1&old=2&here=3&here=4&kept=5")
        arguments.apply(
            TransformRules(
                remove: ["gone"],
                rename: [("old", "new"), ("absent", "kept")],
                replace: [("here", Array("x".utf8)), ("nowhere", [])],
                add: [("new", Array("no".utf8)), ("more", Array("y".utf8))],
                append: [("here", Array("z".utf8))]
            )
        )
        // As in Kong, to rename what is not there takes the new name away.
        #expect(self.text(arguments) == "new=2&here=x&more=y&here=z")
    }
}
