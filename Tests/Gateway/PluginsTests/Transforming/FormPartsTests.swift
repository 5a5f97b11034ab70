import Testing

@testable import MeshPlugins

@Suite("The parts of a form")
struct FormPartsTests {
    private static func read(_ body: String, _ type: String = "boundary=x") -> FormParts? {
        FormParts(Array(body.utf8), type: "multipart/form-data; " + type)
    }

    private static func names(_ body: String, _ type: String = "boundary=x") -> [String]? {
        self.read(body, type)?.all.map { String(decoding: $0.name ?? [], as: UTF8.self) }
    }

    private static func part(_ head: String, _ value: String = "1") -> String {
        "--x\r\n\(head)\r\n\r\n\(value)\r\n"
    }

    private static let a = Self.part("Content-Disposition: form-data; name=\"a\"")

    @Test("are read with names, files and an end, whatever case and blanks")
    func wellFormed() {
        let file = Self.part(
            "content-type: text/plain\r\nCONTENT-DISPOSITION: form-data;filename=\"name=b\"; name=c",
            "line\r\n--\r\n-x"
        )
        #expect(Self.names(Self.a + file + "--x--") == ["a", "c"])
        #expect(Self.names(Self.a + "--x-- \r\n", "charset=utf-8; Boundary=\"x\"") == ["a"])
        #expect(Self.names("--a b\r\n\r\n1\r\n--a b--\r\n", "boundary=\"a b\"") == [""])
        #expect(Self.names("") == [])
    }

    @Test("may have their file's name in another encoding, but not their own")
    func encodedFileName() {
        func part(_ rest: String) -> String {
            Self.part("Content-Disposition: form-data; name=\"b\"; \(rest)")
        }
        let file = part("filename=\"a.pem\"; filename*=UTF-8''%C3%A4.pem")
        #expect(Self.names(Self.a + file + "--x--") == ["a", "b"])
        for other in ["name*=UTF-8''c", "filename *=UTF-8''c", "filename*0=c"] {
            #expect(Self.names(Self.a + part(other) + "--x--") == nil)
        }
    }

    @Test(
        "that others may find elsewhere, or by other names, are refused",
        arguments: [
            Self.a + "--x",
            Self.a + "--x--junk",
            Self.a.dropLast(2)
                + "\n--x\nContent-Disposition: form-data; name=\"admin\"\n\n1\r\n--x--",
            Self.a + "--x--\r\n" + Self.a + "--x--",
            "--x\n\n" + Self.a + "--x--",
            Self.part("Content-Disposition: form-data; name*=UTF-8''admin") + "--x--",
            Self.part("Content-Disposition: form-data;\r\n name=\"admin\"") + "--x--",
            Self.part("Content-Disposition: form-data; name=\"x\"; name=\"admin\"") + "--x--",
            Self.part("Content-Disposition: form-data; name =\"admin\"") + "--x--",
            Self.part("Content-Disposition : form-data; name=\"admin\"") + "--x--",
            Self.part("A: b\nContent-Disposition: form-data; name=\"admin\"") + "--x--",
            Self.part(
                "Content-Disposition: form-data; name=\"x\"\r\n"
                    + "Content-Disposition: form-data; name=\"admin\""
            ) + "--x--",
            Self.part("A: " + String(repeating: "b", count: FormParts.headLimit)) + "--x--",
            String(repeating: Self.a, count: FormParts.partLimit + 1) + "--x--",
        ]
    )
    func ambiguous(body: String) {
        #expect(Self.read(body) == nil)
    }

    @Test(
        "are none when the boundary is not clear",
        arguments: [
            "boundary=x; boundary=y", "boundary*=x", "boundary", "a=b", "boundary=\"x\\\"\"",
        ]
    )
    func boundaries(type: String) {
        #expect(Self.read(Self.a + "--x--", type) == nil)
    }

    @Test("keep a value that holds the mark within a line")
    func marksWithinLines() throws {
        let old = Self.part("Content-Disposition: form-data; name=old", "see --x1")
        var parts = try #require(Self.read(old + "--x--"))
        parts.apply(TransformRules(rename: [("old", "new")]))
        #expect(parts.all.map(\.value) == [Array("see --x1".utf8)])
        let again = try #require(FormParts(parts.encoded, type: "m/f; boundary=x"))
        #expect(again == parts)

        parts.apply(TransformRules(add: [("more", Array("1\n--x".utf8))]))
        #expect(FormParts(parts.encoded, type: "m/f; boundary=x")?.all.count == 2)
    }
}
