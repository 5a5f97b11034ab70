internal import Foundation
internal import MeshEntities
internal import Yams

/// Why a text is no document at all.
public struct DocumentError: Error, Equatable, Sendable {
    /// What is wrong.
    public var message: String
    /// Line, counted from 1.
    public var line: Int
    /// Column, counted from 1.
    public var column: Int
}

/// Reads YAML 1.1 into a document with the place of every value.
///
/// Anchors, aliases and merge keys work and give independent values, but a text may not unfold into
/// more than ``nodeLimit`` values: the parser never sees an alias. Every `*` is swapped for a
/// private character before parsing, so that an alias arrives as a plain scalar that starts with it
/// and is unfolded here, where it is counted.
enum YAMLText {
    /// Most values that a text may unfold into.
    static let nodeLimit = 1_000_000
    /// Deepest nesting that is read.
    static let depthLimit = 128
    /// Longest text that is read, in bytes.
    static let byteLimit = 64 << 20

    static func parse(_ text: String) throws(DocumentError) -> DocumentNode {
        guard text.utf8.count <= Self.byteLimit else {
            let limit = "the text is longer than \(Self.byteLimit >> 20) MiB"
            throw DocumentError(message: limit, line: 1, column: 1)
        }
        guard !AliasMark.isUsed(in: text) else {
            let found = "the text contains the private character U+E02A"
            throw DocumentError(message: found, line: 1, column: 1)
        }
        do {
            // The basic resolver leaves scalars alone; the parser must outlive the nodes, whose
            // anchors it owns.
            let parser = try Parser(yaml: AliasMark.swapIn(text), resolver: .basic)
            defer { withExtendedLifetime(parser) {} }
            guard let root = try parser.singleRoot() else {
                return DocumentNode(.null, line: 1, column: 1)
            }
            var unfolding = YAMLUnfolding()
            return try unfolding.node(root, depth: 0)
        } catch let error as DocumentError {
            throw error
        } catch let error as YamlError {
            throw Self.translate(error)
        } catch {
            throw DocumentError(message: "\(error)", line: 1, column: 1)
        }
    }

    private static func translate(_ error: YamlError) -> DocumentError {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let reason = context.map { "\($0.text): " } ?? ""
            return DocumentError(
                message: AliasMark.swapOut(reason + problem),
                line: mark.line,
                column: mark.column
            )
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { "'\(AliasMark.swapOut($0))'" }.joined(separator: ", ")
            return DocumentError(
                message: "duplicate key \(names)",
                line: context.mark.line,
                column: context.mark.column
            )
        case .reader(let problem, _, _, _):
            return DocumentError(message: problem, line: 1, column: 1)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return DocumentError(message: "unreadable text", line: 1, column: 1)
        }
    }
}

/// The private character that stands for `*` while a text is parsed.
enum AliasMark {
    static let scalar: UnicodeScalar = "\u{E02A}"

    /// Whether a text uses the character for itself, as it is or escaped.
    static func isUsed(in text: String) -> Bool {
        text.unicodeScalars.contains(Self.scalar)
            || ["\\ue02a", "\\U0000e02a"].contains { escape in
                text.range(of: escape, options: .caseInsensitive) != nil
            }
    }

    static func swapIn(_ text: String) -> String { Self.swap(text, "*", Self.scalar) }

    static func swapOut(_ text: String) -> String { Self.swap(text, Self.scalar, "*") }

    private static func swap(
        _ text: String,
        _ old: UnicodeScalar,
        _ new: UnicodeScalar
    ) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(scalar == old ? new : scalar) }
        return String(result)
    }
}

/// Turns the parser's nodes into document nodes and unfolds aliases, counting as it goes.
struct YAMLUnfolding {
    private struct Anchored {
        let node: DocumentNode
        let weight: Int
    }

    private var anchors: [String: Anchored] = [:]
    private var weight = 0

    mutating func node(_ node: Node, depth: Int) throws(DocumentError) -> DocumentNode {
        let place = (node.mark?.line ?? 1, node.mark?.column ?? 1)
        guard depth < YAMLText.depthLimit else {
            let message = "nested deeper than \(YAMLText.depthLimit) levels"
            throw DocumentError(message: message, line: place.0, column: place.1)
        }
        let before = self.weight
        try self.count(1, place)
        let result: DocumentNode
        switch node {
        case .scalar(let scalar):
            if let name = Self.aliasName(scalar) {
                return try self.unfold(name, place)
            }
            let value = try YAMLTag.value(scalar, place)
            result = DocumentNode(value, line: place.0, column: place.1)
        case .sequence(let sequence):
            try YAMLTag.check(sequence.tag, allowed: .seq, place)
            var nodes: [DocumentNode] = []
            for element in sequence { nodes.append(try self.node(element, depth: depth + 1)) }
            result = DocumentNode(.array(nodes), line: place.0, column: place.1)
        case .mapping(let mapping):
            try YAMLTag.check(mapping.tag, allowed: .map, place)
            let fields = try self.fields(mapping, depth: depth)
            result = DocumentNode(.object(fields), line: place.0, column: place.1)
        case .alias:
            throw DocumentError(message: "unreadable alias", line: place.0, column: place.1)
        }
        if let anchor = Self.anchor(node) {
            self.anchors[anchor] = Anchored(node: result, weight: self.weight - before)
        }
        return result
    }

    private mutating func fields(
        _ mapping: Node.Mapping,
        depth: Int
    ) throws(DocumentError) -> [DocumentField] {
        var fields: [DocumentField] = []
        var merged: [DocumentField] = []
        for (key, value) in mapping {
            let place = (key.mark?.line ?? 1, key.mark?.column ?? 1)
            guard case .scalar(let scalar) = key, Self.aliasName(scalar) == nil else {
                let message = "a key must be a plain text"
                throw DocumentError(message: message, line: place.0, column: place.1)
            }
            try YAMLTag.check(scalar.tag, allowed: .str, place)
            let node = try self.node(value, depth: depth + 1)
            if scalar.string == "<<", scalar.style == .plain {
                merged += try Self.merged(node, place)
            } else {
                let name = AliasMark.swapOut(scalar.string)
                fields.append(DocumentField(name, node, line: place.0, column: place.1))
            }
        }
        guard !merged.isEmpty else { return fields }
        var names = Set(fields.map(\.name))
        for field in merged where names.insert(field.name).inserted { fields.append(field) }
        return fields
    }

    private static func merged(
        _ node: DocumentNode,
        _ place: (Int, Int)
    ) throws(DocumentError) -> [DocumentField] {
        switch node.value {
        case .object(let fields):
            return fields
        case .array(let nodes):
            return nodes.flatMap { $0.value.fields ?? [] }
        case .null, .bool, .integer, .number, .string:
            let message = "'<<' merges mappings only"
            throw DocumentError(message: message, line: place.0, column: place.1)
        }
    }

    private mutating func unfold(
        _ name: String,
        _ place: (Int, Int)
    ) throws(DocumentError) -> DocumentNode {
        guard let anchored = self.anchors[name] else {
            let message = "alias '*\(name)' names no anchor before it"
            throw DocumentError(message: message, line: place.0, column: place.1)
        }
        try self.count(anchored.weight, place)
        return anchored.node
    }

    private mutating func count(_ nodes: Int, _ place: (Int, Int)) throws(DocumentError) {
        self.weight += nodes
        guard self.weight <= YAMLText.nodeLimit else {
            let message = "the text unfolds into more than \(YAMLText.nodeLimit) values"
            throw DocumentError(message: message, line: place.0, column: place.1)
        }
    }

    private static func anchor(_ node: Node) -> String? {
        switch node {
        case .scalar(let scalar): scalar.anchor?.rawValue
        case .sequence(let sequence): sequence.anchor?.rawValue
        case .mapping(let mapping): mapping.anchor?.rawValue
        case .alias: nil
        }
    }

    private static func aliasName(_ scalar: Node.Scalar) -> String? {
        guard scalar.style == .plain, scalar.string.unicodeScalars.first == AliasMark.scalar else {
            return nil
        }
        return String(scalar.string.unicodeScalars.dropFirst())
    }
}
