import ArgumentParser
import MeshConsole

/// Explains a code or the name of an event at length, without asking any node.
struct ExplainCodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a code of checks and errors or the name of an event, or list all.",
        discussion: """
            A code is such as MESH004. The name of an event is its type in meshctl events and the
            field event of a line of the node's log, such as target-excluded. Asks no node.
            Exit status: 0 explained; 64 no such code or name.

            Example: meshctl explain MESH004
            Example: meshctl explain target-excluded
            Example: meshctl explain 4 -o json
            """
    )

    @Argument(
        help: "The code, with or without MESH, or the event's name; all without one.",
        completion: Suggestions.codes
    )
    var code: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard let code = self.code else {
            let pages = CodeBook.pages + CodeBook.events
            return Terminal.result(
                try self.output.text(pages, items: pages, names: pages.map(\.code)) { _ in
                    pages.map { "\($0.code)  \($0.title)\n" }.joined()
                }
            )
        }
        guard let page = CodeBook.page(code) else {
            throw Failure(.usage, "no code is called \(code); list all: meshctl explain")
        }
        Terminal.result(
            try self.output.text(page, items: [page], names: [page.code]) { _ in page.text }
        )
    }
}
