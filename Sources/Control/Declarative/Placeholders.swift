internal import MeshEntities

/// decK's placeholders in the text of a file: `${{ env "DECK_PORT" | toInt }}`.
///
/// They are filled in before the text is read, as decK does, so that they may stand anywhere.
enum Placeholders {
    private static let opening = "${{"
    private static let closing = "}}"

    /// What to do about one that is not filled in.
    static let advice = "decK's placeholders are filled in only with --substitute-env"

    /// Whether a text has one; also in a comment.
    static func isUsed(in text: String) -> Bool { text.contains(Self.opening) }

    /// Whether any text of a document may have one.
    static func isUsed(in node: DocumentNode) -> Bool {
        switch node.value {
        case .string(let text): text.utf8.contains(UInt8(ascii: "$"))
        case .object(let fields): fields.contains { Self.isUsed(in: $0.node) }
        case .array(let nodes): nodes.contains { Self.isUsed(in: $0) }
        case .null, .bool, .integer, .number: false
        }
    }

    /// A finding for each that was not filled in, wherever it is a value.
    static func findings(in node: DocumentNode, at location: FieldPath = .root) -> [Finding] {
        switch node.value {
        case .string(let text) where text.contains(Self.opening):
            [
                Finding(
                    at: location,
                    "'\(text)': \(Self.advice)",
                    line: node.line,
                    column: node.column
                )
            ]
        case .object(let fields):
            fields.filter { $0.name != "_comment" && $0.name != "_ignore" }
                .flatMap { Self.findings(in: $0.node, at: location.field($0.name)) }
        case .array(let nodes):
            nodes.enumerated().flatMap { Self.findings(in: $1, at: location.index($0)) }
        case .null, .bool, .integer, .number, .string: []
        }
    }

    /// The text with every placeholder filled in.
    ///
    /// - Throws: ``DocumentError`` at the first that cannot be.
    static func filled(
        _ text: String,
        from variables: [String: String]
    ) throws(DocumentError) -> String {
        var lines: [String] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let isComment = line.first { $0 != " " && $0 != "\t" } == "#"
            lines.append(
                isComment ? String(line) : try Self.filled(line: line, number + 1, variables)
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func filled(
        line: Substring,
        _ number: Int,
        _ variables: [String: String]
    ) throws(DocumentError) -> String {
        var result = ""
        var rest = line
        while let start = rest.firstRange(of: Self.opening) {
            let column = line[..<start.lowerBound].unicodeScalars.count + 1
            guard let end = rest[start.upperBound...].firstRange(of: Self.closing) else {
                throw DocumentError(
                    message: "placeholder without '}}'",
                    line: number,
                    column: column
                )
            }
            result += rest[..<start.lowerBound]
            let inner = rest[start.upperBound..<end.lowerBound]
            do {
                result += try Self.value(of: inner, variables)
            } catch {
                throw DocumentError(message: error.message, line: number, column: column)
            }
            rest = rest[end.upperBound...]
        }
        return result + rest
    }

    /// What is wrong with a placeholder.
    private struct Failure: Error {
        let message: String
    }

    private static func value(
        of inner: Substring,
        _ variables: [String: String]
    ) throws(Failure) -> String {
        let steps = inner.split(separator: "|").map { step in
            step.split(whereSeparator: \.isWhitespace)
        }
        guard let source = steps.first, source.count == 2, source[0] == "env",
            let name = Self.unquoted(source[1])
        else { throw Failure(message: #"expected ${{ env "DECK_…" }}"#) }
        guard name.hasPrefix("DECK_") else {
            throw Failure(
                message: "environment variables in the state file must be prefixed with 'DECK_', "
                    + "found: '\(name)'"
            )
        }
        guard var value = variables[name] else {
            throw Failure(
                message: "environment variable '\(name)' present in state file but not set"
            )
        }
        for step in steps.dropFirst() { value = try Self.apply(step, to: value, of: name) }
        return value
    }

    private static func apply(
        _ step: [Substring],
        to value: String,
        of name: String
    ) throws(Failure) -> String {
        let isRight: Bool
        switch step.first {
        case "toInt": isRight = Int64(value) != nil
        case "toFloat": isRight = Double(value) != nil
        case "toBool": isRight = value == "true" || value == "false"
        case "indent":
            guard step.count == 2, let count = Int(step[1]), (0...100).contains(count) else {
                throw Failure(message: "expected 'indent' with a number")
            }
            return value.replacing("\n", with: "\n" + String(repeating: " ", count: count))
        case let other:
            throw Failure(
                message: "unknown function '\(other ?? "")' in a placeholder; there are toInt, "
                    + "toFloat, toBool and indent"
            )
        }
        guard isRight else {
            throw Failure(message: "\(name) is no value for '\(step.first ?? "")'")
        }
        return value
    }

    private static func unquoted(_ text: Substring) -> String? {
        for quote in ["\"", "'", "`"]
        where text.count > 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            return String(text.dropFirst().dropLast())
        }
        return nil
    }
}
