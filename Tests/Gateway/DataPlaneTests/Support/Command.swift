import Foundation

/// Runs a program of the system to its end.
enum Command {
    /// What it wrote to both outputs; `input` is all that it reads.
    static func run(_ words: [String], in folder: URL? = nil, input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        if let folder { process.currentDirectoryURL = folder }
        let (from, to) = (Pipe(), Pipe())
        process.standardInput = from
        process.standardOutput = to
        process.standardError = to
        try process.run()
        try from.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try from.fileHandleForWriting.close()
        let text = try to.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
