import MeshEntities
import Testing

@Suite("JSON text")
struct JSONTextTests {
    @Test(
        "reads back in its one canonical form",
        arguments: [
            ("null", "null"), (" true ", "true"), ("-0", "0"), ("1.0", "1"), ("1.5e1", "15"),
            ("0.25", "0.25"), (#""aA\n\"""#, #""aA\n\"""#), (#""😀""#, "\"😀\""),
            (#"{"b":1,"a":[{},[]]}"#, #"{"a":[{},[]],"b":1}"#),
            ("9223372036854775807", "9223372036854775807"),
        ]
    )
    func canonical(text: String, expected: String) throws {
        let node = try JSONText.parse(Array(text.utf8))

        #expect(String(decoding: node.value.canonicalJSON, as: UTF8.self) == expected)
    }

    @Test(
        "refuses what is no JSON and says where",
        arguments: [
            ("", "1:1 the text ends where a value should be"),
            ("{", "1:2 expected a name"), ("[1 2]", "1:4 expected ',' or ']'"),
            ("{\"a\":1,\n\"a\":2}", "2:1 duplicate key 'a'"),
            ("{\"a\" 1}", "1:6 expected ':' after a name"),
            ("1 2", "1:3 text after the value"), ("01", "1:3 bad number"), ("1.", "1:3 bad number"),
            ("-", "1:2 bad number"), ("1e999", "1:6 number out of range"),
            ("\"a", "1:3 the text ends inside a string"), (#""\x""#, "1:4 bad escape"),
            (#""\ud800""#, "1:8 lone surrogate"), ("\"\n\"", "1:3 control character in a text"),
            ("tru", "1:1 expected a value"), ("NaN", "1:1 expected a value"),
            (#"{"a":1,}"#, "1:8 expected a name"),
        ]
    )
    func refusals(text: String, expected: String) {
        let error = #expect(throws: JSONError.self) { try JSONText.parse(Array(text.utf8)) }

        #expect(error?.description == expected)
    }

    @Test(
        "takes the last of equal names where it is told to",
        arguments: [
            (#"{"a":1,"b":2,"a":3}"#, #"{"a":3,"b":2}"#),
            (#"{"o":{"a":1,"a":{"b":1,"b":2}}}"#, #"{"o":{"a":{"b":2}}}"#),
        ]
    )
    func equalNames(text: String, expected: String) throws {
        let node = try JSONText.parse(Array(text.utf8), equalNames: .last)

        #expect(String(decoding: node.value.canonicalJSON, as: UTF8.self) == expected)
        #expect(throws: JSONError.self) { try JSONText.parse(Array(text.utf8)) }
    }

    @Test("compares names by their bytes, few or many", arguments: [0, 40])
    func namesOfBytes(others: Int) throws {
        let more = (0..<others).map { "\"n\($0)\":0," }.joined()
        let text = Array("{\(more)\"\u{E9}\":1,\"e\u{301}\":2}".utf8)

        #expect(try JSONText.parse(text).value.fields?.count == others + 2)
        let again = Array("{\(more)\"\u{E9}\":1,\"e\u{301}\":2,\"\u{E9}\":3}".utf8)
        let fields = try JSONText.parse(again, equalNames: .last).value.fields ?? []
        #expect(fields.suffix(2).map(\.node.value) == [.integer(2), .integer(3)])
        #expect(throws: JSONError.self) { try JSONText.parse(again) }
    }

    @Test("finds a name that comes twice wherever names stop rising", arguments: [3, 31, 33, 50])
    func falling(count: Int) throws {
        let names = (0..<count).map { "n\(100 + $0)" } + ["a"]
        let text = { (names: [String]) in
            Array("{\(names.map { "\"\($0)\":1" }.joined(separator: ","))}".utf8)
        }
        let fields = try #require(try JSONText.parse(text(names)).value.fields)
        #expect(fields.map(\.name) == names)
        for again in [names[0], names[count - 1], "a"] {
            #expect(throws: JSONError.self) { try JSONText.parse(text(names + [again])) }
        }
    }

    @Test(
        "reads whole numbers as such as far as they fit",
        arguments: [
            ("0", 0), ("-0", 0), ("-7", -7), ("999999999999999999", 999_999_999_999_999_999),
            ("-999999999999999999", -999_999_999_999_999_999),
            ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ] as [(String, Int64)]
    )
    func whole(text: String, number: Int64) throws {
        #expect(try JSONText.parse(Array(text.utf8)).value == .integer(number))
    }

    @Test("refuses text that is not UTF-8, whether or not it has escapes")
    func encoding() {
        for text in [[0x22, 0xC3, 0x22], [0x22, 0x5C, 0x6E, 0xC3, 0x22]] as [[UInt8]] {
            let error = #expect(throws: JSONError.self) { try JSONText.parse(text) }

            #expect(error?.message == "text is not UTF-8")
        }
    }

    @Test("refuses deep nesting instead of running out of stack")
    func depth() {
        let text = String(repeating: "[", count: 1_000_000)

        let error = #expect(throws: JSONError.self) { try JSONText.parse(Array(text.utf8)) }

        #expect(error?.message == "nested deeper than 128 levels")
    }

    @Test("never traps on a text cut off or changed at any byte")
    func hostile() throws {
        let text = #"{"a": [1, -2.5e3, "x\u00e9\ud83d\ude00", {"b": null}], "c": true}"#
        let bytes = Array(text.utf8)
        for end in bytes.indices { _ = try? JSONText.parse(Array(bytes[..<end])) }
        for index in bytes.indices {
            for value in [UInt8(0), 0x22, 0x5C, 0x7B, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = value
                _ = try? JSONText.parse(changed)
            }
        }
        #expect(try JSONText.parse(bytes).value["a"]?.elements?.count == 4)
    }

    @Test("indents for people")
    func pretty() throws {
        let node = try JSONText.parse(Array(#"{"b":[1],"a":{}}"#.utf8))

        #expect(node.value.prettyJSON == "{\n  \"b\": [\n    1\n  ],\n  \"a\": {}\n}")
    }

    @Test("takes an id in either case and prints it in lower case")
    func identity() {
        let id = EntityID("FD02801F-0957-4a15-a55a-C8D9606F30B5")

        #expect(id?.description == "fd02801f-0957-4a15-a55a-c8d9606f30b5")
        #expect(EntityID("fd02801f09574a15a55ac8d9606f30b5") == nil)
        #expect(EntityID("gd02801f-0957-4a15-a55a-c8d9606f30b5") == nil)
    }
}
