import MeshConsole
import Testing

@Suite("A text table")
struct TextTableTests {
    @Test("aligns words left and numbers right, without trailing spaces")
    func aligns() {
        var table = TextTable([.words("NAME"), .numbers("N"), .prose("NOTE")])
        table.add(["a", "10", "fine"])
        table.add(["longer", "7", ""])

        #expect(
            table.text() == """
                NAME     N  NOTE
                a       10  fine
                longer   7

                """
        )
    }

    @Test("cuts sentences at the end first, then names in the middle")
    func cuts() {
        var table = TextTable([.words("NAME"), .prose("NOTE")])
        table.add(["production-gateway-1", "a sentence that is far too long for this"])

        let narrow = TextTable.Style(width: 33, hasColour: false)
        let wide = TextTable.Style.wide

        #expect(
            table.text(narrow) == """
                NAME             NOTE
                product…teway-1  a sentence that…

                """
        )
        #expect(table.text(wide).contains("production-gateway-1  a sentence that is far too long"))
    }

    @Test("shows tones as colour only when asked, and says the same without")
    func colours() {
        var table = TextTable([.words("ST")])
        table.add([Cell("UN", .good)])
        table.add([Cell("DN", .bad)])
        table.add([Cell("SN", .warning)])

        let coloured = table.text(TextTable.Style(width: 100, hasColour: true))

        #expect(table.text() == "ST\nUN\nDN\nSN\n")
        #expect(
            coloured
                == "ST\n\u{1B}[32mUN\u{1B}[0m\n\u{1B}[31mDN\u{1B}[0m\n\u{1B}[33mSN\u{1B}[0m\n"
        )
    }

    @Test("lets no name steer the terminal")
    func controls() {
        #expect(Cell("a\u{1B}[2Jb\u{7F}\u{9B}").text == "a?[2Jb??")
    }

    @Test(
        "cuts to any width",
        arguments: [
            (0, ""), (1, "a"), (2, "a…"), (3, "a…f"), (5, "ab…ef"), (6, "abcdef"),
        ]
    )
    func middle(width: Int, text: String) {
        #expect(Cell.cut("abcdef", to: width) == text)
    }
}
