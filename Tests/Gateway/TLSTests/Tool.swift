import Foundation
import Testing

/// Runs programs of other makes.
enum Tool {
    /// What a program has printed and how it ended.
    struct Outcome {
        let status: Int32
        let output: String
    }

    /// Runs a program with `input` on its standard input; both outputs are joined.
    ///
    /// `timeout` of coreutils ends it after 20 seconds.
    @discardableResult
    static func run(
        _ words: [String],
        input: String = "",
        in folder: URL? = nil
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "20"] + words
        process.currentDirectoryURL = folder
        let source = Pipe()
        let sink = Pipe()
        process.standardInput = source
        process.standardOutput = sink
        process.standardError = sink
        try process.run()
        source.fileHandleForWriting.write(Data(input.utf8))
        try source.fileHandleForWriting.close()
        let printed = try sink.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: String(decoding: printed, as: UTF8.self)
        )
    }
}
