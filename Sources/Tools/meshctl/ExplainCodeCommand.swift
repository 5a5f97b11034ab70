import ArgumentParser
import MeshConsole

/// Explains a code at length, without asking any node.
struct ExplainCodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a code such as MESH004 of checks and errors, or list all.",
        discussion: """
            Asks no node. Exit status: 0 explained; 64 no such code.

            Example: meshctl explain MESH004
            """
    )

    @Argument(help: "The code, with or without MESH; all codes without one.")
    var code: String?

    func run() throws {
        guard let code = self.code else {
            Terminal.result(CodeBook.pages.map { "\($0.code)  \($0.title)\n" }.joined())
            return
        }
        guard let page = CodeBook.page(code) else {
            throw Failure(.usage, "no code is called \(code); list all: meshctl explain")
        }
        Terminal.result(page.text)
    }
}
