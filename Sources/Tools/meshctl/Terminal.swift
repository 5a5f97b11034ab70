import Foundation
import MeshConsole

/// Where results and notes go, and what the screen can show.
enum Terminal {
    /// Writes a result to standard output as it is.
    static func result(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// Writes one line to standard error.
    static func note(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Whether somebody reads standard output on a screen.
    static var isScreen: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether somebody can answer a question.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Colour on a screen only, and never when NO_COLOR is set to anything.
    private static var hasColour: Bool {
        let refusal = ProcessInfo.processInfo.environment["NO_COLOR"] ?? ""
        return self.isScreen && refusal.isEmpty
    }

    /// 100 columns, or as many as needed.
    static func style(isWide: Bool) -> TextTable.Style {
        TextTable.Style(width: isWide ? nil : 100, hasColour: self.hasColour)
    }

    /// Asks on standard error; anything but `y` or `yes` is no.
    static func agrees(to question: String) -> Bool {
        FileHandle.standardError.write(Data("\(question) [y/N] ".utf8))
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
