/// Requests by the real curl.
@LoopbackActor
enum Curl {
    struct Answer {
        let status: Int
        let headers: [(name: String, value: String)]
        let body: String

        /// The first field of that name, whatever its case.
        func header(_ name: String) -> String? {
            self.headers.first { $0.name == name.lowercased() }?.value
        }

        func json() throws -> JSON { try JSON(parsing: self.body) }
    }

    /// Runs curl; the URL is the last of `arguments`.
    ///
    /// - Throws: ``TestFailure`` with curl's own words when there is no answer.
    static func get(_ arguments: String...) throws -> Answer { try Self.run(arguments) }

    /// Posts a body of the given type.
    static func post(
        _ url: String,
        _ body: String,
        type: String = "application/json"
    ) throws
        -> Answer
    {
        try Self.run(["-X", "POST", "-H", "Content-Type: \(type)", "--data-binary", body, url])
    }

    private static func run(_ arguments: [String]) throws -> Answer {
        let output = try Command.run(
            Binaries.curl,
            ["-sS", "-i", "--noproxy", "*", "--max-time", "15"] + arguments,
            within: 20
        )
        guard output.status == 0 else { throw TestFailure("curl: \(output.errors)") }
        return try Self.answer(output.out)
    }

    /// The last head that is not interim, and what follows it.
    private static func answer(_ text: String) throws -> Answer {
        var rest = text.unicodeScalars[...]
        while let end = Self.endOfHead(rest) {
            let lines = String(rest[..<end]).split(separator: "\r\n").map(String.init)
            rest = rest[end...].dropFirst(4)
            guard let first = lines.first, let status = Self.status(of: first) else { break }
            if status < 200 { continue }
            let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                return (line[..<colon].lowercased(), String(value))
            }
            return Answer(status: status, headers: headers, body: String(rest))
        }
        throw TestFailure("curl printed no answer: \(text.prefix(300))")
    }

    private static func endOfHead(
        _ text: Substring.UnicodeScalarView
    ) -> Substring.UnicodeScalarView.Index? {
        var line = text.startIndex
        while let end = text[line...].firstIndex(of: "\r") {
            let after = text[end...].dropFirst(2)
            if after.first == "\r" { return end }
            line = after.startIndex
        }
        return nil
    }

    private static func status(of line: String) -> Int? {
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/") else { return nil }
        return Int(words[1])
    }
}
