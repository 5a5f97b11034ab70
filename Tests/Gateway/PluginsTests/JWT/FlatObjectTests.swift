import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshPlugins

@Suite("Objects that tokens are read from where they lie")
struct FlatObjectTests {
    /// What a text says; nil when nothing is said of it.
    private static func read(_ text: [UInt8]) -> [DocumentField]? {
        text.withUnsafeBytes { bytes -> [DocumentField]? in
            guard let object = FlatObject(bytes) else { return nil }
            return (0..<object.count).map { index in
                let name = Array(object.name(index))
                let value: DocumentValue =
                    switch object[name] {
                    case .text(let range): .string(String(decoding: bytes[range], as: UTF8.self))
                    case .integer(let number): .integer(number)
                    case .bool(let flag): .bool(flag)
                    case .null, nil: .null
                    }
                return DocumentField(String(decoding: name, as: UTF8.self), value)
            }
        }
    }

    /// The same by the reader of all JSON; nil when the text is no object.
    private static func parse(_ text: [UInt8]) -> [DocumentField]? {
        guard let fields = (try? JSONText.parse(text))?.value.fields else { return nil }
        return fields.map { DocumentField($0.name, $0.node.value) }
    }

    private static let samples = [
        #"{"alg":"RS256","typ":"JWT"}"#,
        #"{"iss":"RS256","sub":"user-1","exp":4102444800}"#,
        #" { "iss" : "https://id.example.com/" , "nbf" : -12 , "on" : true , "off" : false , "x":null } "#,
        "{}", "{\n\t\"a\":0\r\n}", #"{"a":999999999999999999}"#, #"{"":""}"#, #"{"a":-0}"#,
    ]

    @Test("are read as by the reader of all JSON", arguments: samples)
    func typical(text: String) throws {
        let fields = try #require(Self.read(Array(text.utf8)))
        #expect(fields == Self.parse(Array(text.utf8)))
    }

    @Test(
        "are left to it when they are not as most are, or wrong",
        arguments: [
            "", "[]", "7", "{", "}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#,
            #"{"a":1 "b":2}"#, #"{"a":1}}"#, #"{"a":1}x"#, #"{"a":1,"a":2}"#, #"{a:1}"#,
            #"{"a":01}"#, #"{"a":-}"#, #"{"a":1.5}"#, #"{"a":1e3}"#, #"{"a":1E3}"#, #"{"a":+1}"#,
            #"{"a":9999999999999999999}"#, #"{"a":tru}"#, #"{"a":nul"#, #"{"a":[]}"#, #"{"a":{}}"#,
            #"{"a":"\u0062"}"#, #"{"\u0061":1}"#, #"{"a":"ä"}"#, "{\"a\":\"\u{1}\"}", #"{"a":"b}"#,
            "{\"a\":1}\u{0}", #"{"a":1"#, "{\"a\":\"\u{7F}é\"}",
        ]
    )
    func others(text: String) { #expect(Self.read(Array(text.utf8)) == nil) }

    @Test("with more members than there is room for are left to it")
    func many() {
        let text = { (count: Int) in
            Array("{\((0..<count).map { "\"n\($0)\":\($0)" }.joined(separator: ","))}".utf8)
        }
        #expect(Self.read(text(FlatObject.countLimit))?.count == FlatObject.countLimit)
        #expect(Self.read(text(FlatObject.countLimit + 1)) == nil)
    }

    @Test("of 200,000 damaged ones none is read otherwise than by it", arguments: [1, 2])
    func damaged(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes =
            Array("{}[]\":,\\ntrue0123456789.eE+- \t\n\u{0}\u{7F}ab".utf8) + [0x80, 0xC3, 0xFF]
        var readCount = 0
        for _ in 0..<100_000 {
            var text = Array((Self.samples.randomElement(using: &generator) ?? "").utf8)
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let place = Int.random(in: 0...text.count, using: &generator)
                let byte = bytes.randomElement(using: &generator) ?? 0
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: text.insert(byte, at: place)
                case 1: if place < text.count { text[place] = byte }
                case 2: if place < text.count { text.remove(at: place) }
                default: text.removeSubrange(place...)
                }
            }
            guard let fields = Self.read(text) else { continue }
            readCount += 1
            guard fields == Self.parse(text) else {
                Issue.record("\(String(decoding: text, as: UTF8.self)): \(fields)")
                return
            }
        }
        #expect(readCount > 10_000)
    }
}
