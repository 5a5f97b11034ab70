import MeshDeclarative
import MeshEntities
import Testing

@Suite("Hostile YAML")
struct YAMLTextTests {
    @Test("that unfolds beyond all bounds is refused at once")
    func aliasBomb() {
        var text = "_format_version: '3.0'\n_ignore:\n- &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let uses = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "- &a\(level) [\(uses)]\n"
        }

        #expect(complaints(text).first?.contains("unfolds into more than 1000000 values") == true)
    }

    @Test(
        "with tags of other languages and tools is refused",
        arguments: [
            ("services: !!python/object/apply:os.system []", "!!python/object/apply:os.system"),
            ("name: !secret s", "!secret"), ("!env a: b", "!env"), ("a: !!set { b, c }", "!!set"),
            ("a: !<tag:example.com,2026:x> {}", "tag:example.com,2026:x"),
            ("a: !!binary aGk=", "!!binary"), ("a: !!map x", "!!map"),
        ]
    )
    func unknownTags(text: String, tag: String) {
        let found = complaints(text)

        #expect(found.count == 1)
        #expect(found.first?.contains("unknown tag '\(tag)'") == true, "\(found)")
    }

    @Test(
        "whose value does not fit its tag is refused",
        arguments: ["!!int x", "!!bool 1", "!!null a"]
    )
    func wrongTags(value: String) {
        #expect(complaints("a: \(value)").first?.contains("is no value of type") == true)
    }

    @Test(
        "with YAML's own tags means what they say",
        arguments: [
            ("!!str 5", .string("5")), ("!!int \"5\"", .integer(5)), ("!!float 1", .number(1)),
            ("!!bool 'yes'", .bool(true)), ("!!null ''", .null),
            ("!!seq [a]", .list([.string("a")])), ("!!map {}", .object([])),
        ] as [(String, DocumentValue)]
    )
    func knownTags(text: String, expected: DocumentValue) throws {
        let node = try DeclarativeFile.document("a: \(text)", name: "kong.yml")

        #expect(node.value["a"]?.canonicalJSON == expected.canonicalJSON)
    }

    @Test("that would be hashed as a key is refused at once")
    func bombAsKey() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...6 {
            let uses = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(uses)]\n"
        }

        #expect(complaints(text + "? *a6\n: x\n? *a6\n: y\n").count == 1)
        #expect(complaints(text + "*a6 : x\n").count == 1)
        #expect(
            complaints("a: &a [b]\n*a : x").first?.contains("a key must be a plain text") == true
        )
        #expect(complaints("? [a, b]\n: x").first?.contains("a key must be a plain text") == true)
    }

    @Test("with merge keys that grow is bounded too")
    func mergeBomb() {
        var text = "_ignore:\n- &m0 { k0: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n"
        for level in 1...30 {
            let lists = Array(repeating: "*m\(level - 1)", count: 9).joined(separator: ", ")
            text += "- &m\(level) { <<: [\(lists)], k\(level): *m\(level - 1) }\n"
        }

        #expect(complaints(text).first?.contains("unfolds into more than 1000000 values") == true)
    }

    @Test("with endless nesting is refused", arguments: ["[", "{a: ", "- ", "? "])
    func depth(opening: String) {
        for count in [200, 100_000] {
            let text = String(repeating: opening, count: count)
            #expect(complaints(text).count == 1)
        }
    }

    @Test("with deep block nesting is refused by our own limit")
    func blockDepth() {
        let text = (0..<300).map { String(repeating: " ", count: $0) + "a:\n" }.joined()

        #expect(complaints(text).first?.contains("nested deeper than 128 levels") == true)
    }

    @Test("cut off at any byte never traps", arguments: [Files.anchors, Files.old, Files.deck])
    func truncated(text: String) {
        let bytes = Array(text.utf8)
        for end in bytes.indices {
            let cut = String(decoding: bytes[..<end], as: UTF8.self)
            for line in complaints(cut) { #expect(line.hasPrefix("kong.yml")) }
        }
    }

    @Test("with any byte changed never traps")
    func flipped() {
        let bytes = Array(Files.anchors.utf8)
        for index in bytes.indices {
            for value in [UInt8(0), 0x09, 0x21, 0x26, 0x2A, 0x3A, 0x5B, 0x7B, 0x7C, 0xFF] {
                var changed = bytes
                changed[index] = value
                _ = complaints(String(decoding: changed, as: UTF8.self))
            }
        }
        #expect(complaints(Files.anchors) == [])
    }

    @Test(
        "of odd shape is refused with a place",
        arguments: [
            "a: &x [*x]", "--- a\n--- b", "%YAML 9.9\n--- a", "a: \"\u{1}\"", "\u{E02A}a",
            "a: b: c",
            "<<: 5\na: b", "!!python/object:os.system {a: b}", "\t- a", "&a &b c", "*", "? ",
        ]
    )
    func odd(text: String) {
        #expect(complaints(text).allSatisfy { $0.hasPrefix("kong.yml:") })
        #expect(!complaints(text).isEmpty)
    }

    @Test("is bounded by its bytes, not by its values, when it has no aliases")
    func manyValues() throws {
        let text = "[" + Array(repeating: "x", count: 1_000_001).joined(separator: ",") + "]"

        let node = try DeclarativeFile.document(text + " # not JSON", name: "kong.yml")

        #expect(node.value.elements?.count == 1_000_001)
    }

    @Test("leaves scalars as they are written when only texts are wanted")
    func texts() throws {
        let node = try YAMLText.parse("a: [0x1F, yes, ~, 1.10]\nb: !!int 012\nc:", scalars: .texts)

        #expect(node.value["a"] == .list(["0x1F", "yes", "~", "1.10"].map { .string($0) }))
        #expect(node.value["b"] == .string("012"))
        #expect(node.value["c"] == .string(""))
    }

    @Test("keeps stars that are no aliases")
    func stars() throws {
        let mesh = try load(
            """
            _format_version: '3.0' # *not an alias
            routes:
              - hosts: ['*.example.com', "*.b.c", d.*]
                paths: ["~/a*b"]
            """
        )

        #expect(mesh.routes[0].hosts == ["*.example.com", "*.b.c", "d.*"])
        #expect(mesh.routes[0].paths == ["~/a*b"])
    }

    @Test(
        "means what YAML 1.1 says",
        arguments: [
            ("yes", DocumentValue.bool(true)), ("off", .bool(false)), ("~", .null), ("", .null),
            ("'yes'", .string("yes")), ("!!str 5", .string("5")), ("012", .integer(10)),
            ("0x1F", .integer(31)), ("-7", .integer(-7)), ("1_000", .integer(1_000)),
            ("1.5", .number(1.5)), ("1e3", .number(1_000)), (".inf", .string(".inf")),
            (".nan", .string(".nan")), ("2026-01-02", .string("2026-01-02")),
            ("1.2.3", .string("1.2.3")), ("08", .number(8)),
            ("-", .array([DocumentNode(.null)])),
            ("99999999999999999999", .number(1e20)), ("e", .string("e")), ("0x", .string("0x")),
        ]
    )
    func scalars(text: String, expected: DocumentValue) throws {
        let node = try DeclarativeFile.document("\(text)\n", name: "a.yml")

        #expect(node.value == expected)
    }
}
