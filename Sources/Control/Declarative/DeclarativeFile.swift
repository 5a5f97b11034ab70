public import MeshEntities

/// What a declarative file says.
public struct ParsedDeclaration: Equatable, Sendable {
    /// All its entities, checked, in the one order that equal configurations share.
    public var configuration: GatewayConfiguration
    /// What is legal but probably not meant.
    public var warnings: [Finding]
    /// What loads but never works, or works until the first target dies.
    public var hints: [Finding]
    /// Tags, all of which an entity must have to be replaced by the file, `_info.select_tags`; empty:
    /// the file replaces everything.
    public var selectTags: [String]
}

/// Kong's declarative files: text to entities and back.
public enum DeclarativeFile {
    /// Reads a file of format 1.1, 2.1 or 3.0, YAML or JSON.
    ///
    /// - Parameters:
    ///   - text: the whole file.
    ///   - name: what errors call it; a name that ends in `.json` allows JSON only.
    ///   - options: how it is read.
    /// - Returns: its entities and warnings.
    /// - Throws: ``DeclarativeError`` with everything that is wrong in the whole file.
    public static func parse(
        _ text: String,
        name: String,
        options: DeclarationOptions = DeclarationOptions()
    ) throws(DeclarativeError) -> ParsedDeclaration {
        let root: DocumentNode
        do {
            var filled = text
            if let variables = options.variables {
                filled = try Placeholders.filled(text, from: variables)
            }
            root = try Self.document(filled, name: name)
        } catch {
            let hint = options.variables == nil && Placeholders.isUsed(in: text)
            let message = "failed parsing declarative configuration: \(error.message)"
            let finding = Finding(
                at: .root,
                hint ? "\(message) (\(Placeholders.advice))" : message,
                line: error.line,
                column: error.column
            )
            throw DeclarativeError(name: name, findings: [finding])
        }
        return try Self.read(root, name: name, options: options)
    }

    /// Reads a document that is parsed already.
    ///
    /// - Parameters:
    ///   - root: the document.
    ///   - name: what errors call it.
    ///   - options: how it is read.
    /// - Returns: its entities and warnings.
    /// - Throws: ``DeclarativeError`` with everything that is wrong.
    public static func read(
        _ root: DocumentNode,
        name: String,
        options: DeclarationOptions = DeclarationOptions()
    ) throws(DeclarativeError) -> ParsedDeclaration {
        var reader = DeclarationReader(options: options)
        reader.read(root)
        let findings = reader.allFindings
        guard findings.isEmpty else {
            throw DeclarativeError(
                name: name,
                findings: findings,
                flattenedErrors: FlattenedErrors.document(findings, reader.entries)
            )
        }
        defer { reader.dispose() }
        return ParsedDeclaration(
            configuration: reader.configuration.sorted(),
            warnings: reader.warnings,
            hints: reader.hints,
            selectTags: reader.selectTags
        )
    }

    /// Reads YAML or JSON without asking what it means.
    ///
    /// - Parameters:
    ///   - text: the whole text.
    ///   - name: a name that ends in `.json` allows JSON only.
    /// - Returns: the document with the place of every value.
    /// - Throws: ``DocumentError`` at the first thing that is neither.
    public static func document(
        _ text: String,
        name: String
    ) throws(DocumentError) -> DocumentNode {
        // Some editors mark UTF-8 with it; it is no part of the text.
        let text =
            text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        let isJSON = name.lowercased().hasSuffix(".json")
        let first = text.utf8.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        guard isJSON || first == UInt8(ascii: "{") else { return try YAMLText.parse(text) }
        do {
            return try JSONText.parse(Array(text.utf8))
        } catch {
            if !isJSON, let node = try? YAMLText.parse(text) { return node }
            throw DocumentError(
                message: error.message,
                line: error.line,
                column: error.column
            )
        }
    }
}
