import Foundation
import MeshConsole

/// Where results and notes go, and what the screen can show.
enum Terminal {
    /// Writes a result to standard output as it is; ends the process when nobody reads any more.
    static func result(_ text: String) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            // A reader that has gone, such as `head`, has all it wanted.
            Foundation.exit(0)
        }
    }

    /// Writes one line to standard error.
    static func note(_ line: String) { self.tell(line + "\n") }

    /// Writes to standard error as it is; goes on when nobody reads.
    static func tell(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Whether somebody reads standard output on a screen.
    static var isScreen: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether screens here know colours and can be redrawn; `TERM=dumb` says that they do not.
    static let isCapable = ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Whether somebody can answer a question.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Colour on a screen only, and never when NO_COLOR is set to anything.
    private static var hasColour: Bool {
        let refusal = ProcessInfo.processInfo.environment["NO_COLOR"] ?? ""
        return self.isScreen && self.isCapable && refusal.isEmpty
    }

    /// As many columns as the screen has; as many as needed when asked for, and where no screen is.
    static func style(isWide: Bool) -> TextTable.Style {
        TextTable.Style(
            width: isWide || !self.isScreen ? nil : self.columns,
            hasColour: self.hasColour,
            isWide: isWide
        )
    }

    /// Columns of the screen; 100 when it does not tell.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return 100
        }
        return Int(size.ws_col)
    }

    /// Asks whether something shall be done, unless `isAgreed` says so beforehand.
    ///
    /// - Throws: ``Failure`` when the answer is no, or nobody is there to be asked.
    static func confirm(_ question: String, isAgreed: Bool) throws {
        guard !isAgreed else { return }
        guard self.isInteractive else {
            throw Failure(.failure, "\(question) Nobody can be asked here: give --yes")
        }
        guard self.agrees(to: question) else { throw Failure(.failure, "nothing was done") }
    }

    /// Asks on standard error; anything but `y` or `yes` is no.
    static func agrees(to question: String) -> Bool {
        self.tell("\(question) [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
