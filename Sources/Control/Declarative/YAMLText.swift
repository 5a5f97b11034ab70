internal import CYAML
public import MeshEntities

/// Why a text is no document at all.
public struct DocumentError: Error, Equatable, Sendable {
    /// What is wrong.
    public var message: String
    /// Line, counted from 1.
    public var line: Int
    /// Column, counted from 1.
    public var column: Int
}

extension DocumentError: CustomStringConvertible {
    /// `3:5 duplicate key 'a'`.
    public var description: String { "\(self.line):\(self.column) \(self.message)" }
}

/// Reads YAML 1.1 into a document with the place of every value.
///
/// Anchors, aliases and merge keys work and give independent values, but aliases may not unfold into
/// more than ``nodeLimit`` values.
public enum YAMLText {
    /// What a scalar without a tag is read as.
    public enum Scalars: Sendable {
        /// What its form says.
        case typed
        /// Its text, whatever its form.
        case texts
    }

    /// Most values that the aliases of a text may unfold into.
    static let nodeLimit = 1_000_000
    /// Deepest nesting that is read.
    static let depthLimit = 128
    /// Longest text that is read, in bytes.
    static let byteLimit = 64 << 20

    /// Reads a text of one document; null when there is none.
    ///
    /// - Throws: ``DocumentError`` at the first thing that is wrong.
    public static func parse(
        _ text: String,
        scalars: Scalars = .typed
    ) throws(DocumentError) -> DocumentNode {
        guard text.utf8.count <= Self.byteLimit else {
            let limit = "the text is longer than \(Self.byteLimit >> 20) MiB"
            throw DocumentError(message: limit, line: 1, column: 1)
        }
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(DocumentError) in
                // Some editors begin UTF-8 with a mark, which the parser counts as a column.
                let isMarked = bytes.starts(with: [0xEF, 0xBB, 0xBF])
                let rest = UnsafeBufferPointer(rebasing: bytes.dropFirst(isMarked ? 3 : 0))
                var reader = YAMLReader(rest, scalars: scalars)
                return try reader.document()
            }
        }
        return try result.get()
    }
}

/// Turns the parser's events into document nodes and unfolds aliases, counting as it goes.
private struct YAMLReader: ~Copyable {
    private struct Anchored {
        let node: DocumentNode
        let weight: Int
    }

    typealias Place = (line: Int, column: Int)

    /// The parser points into itself.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let scalars: YAMLText.Scalars
    private var event = yaml_event_t()
    private var anchors: [String: Anchored] = [:]
    /// Values so far, with those that aliases gave.
    private var weight = 0
    /// Values that aliases gave.
    private var unfolded = 0

    /// The bytes must outlive the reader.
    init(_ bytes: UnsafeBufferPointer<UInt8>, scalars: YAMLText.Scalars) {
        self.scalars = scalars
        self.parser = .allocate(capacity: 1)
        yaml_parser_initialize(self.parser)
        yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(self.parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        var event = self.event
        yaml_event_delete(&event)
        yaml_parser_delete(self.parser)
        self.parser.deallocate()
    }

    mutating func document() throws(DocumentError) -> DocumentNode {
        try self.next()
        try self.next()
        guard self.event.type != YAML_STREAM_END_EVENT else {
            return DocumentNode(.null, line: 1, column: 1)
        }
        try self.next()
        let root = try self.node(depth: 0)
        try self.next()
        try self.next()
        guard self.event.type == YAML_STREAM_END_EVENT else {
            let message = "expected a single document in the stream: but found another document"
            throw self.error(message, self.place)
        }
        return root
    }

    /// Goes on to the next event.
    private mutating func next() throws(DocumentError) {
        yaml_event_delete(&self.event)
        guard yaml_parser_parse(self.parser, &self.event) == 1 else { throw self.failure }
    }

    /// The value that the current event begins; the event that ends it is current then.
    private mutating func node(depth: Int) throws(DocumentError) -> DocumentNode {
        let place = self.place
        guard depth < YAMLText.depthLimit else {
            throw self.error("nested deeper than \(YAMLText.depthLimit) levels", place)
        }
        let before = self.weight
        self.weight += 1
        let anchor: String?
        let value: DocumentValue
        switch self.event.type {
        case YAML_SCALAR_EVENT:
            anchor = Self.text(self.event.data.scalar.anchor)
            value = try self.scalar(place)
        case YAML_SEQUENCE_START_EVENT:
            anchor = Self.text(self.event.data.sequence_start.anchor)
            try YAMLTag.check(Self.text(self.event.data.sequence_start.tag), .sequence, place)
            value = .array(try self.elements(depth: depth))
        case YAML_MAPPING_START_EVENT:
            anchor = Self.text(self.event.data.mapping_start.anchor)
            try YAMLTag.check(Self.text(self.event.data.mapping_start.tag), .mapping, place)
            value = .object(try self.fields(depth: depth))
        default: return try self.unfold(place)
        }
        let result = DocumentNode(value, line: place.line, column: place.column)
        if let anchor {
            self.anchors[anchor] = Anchored(node: result, weight: self.weight - before)
        }
        return result
    }

    private func scalar(_ place: Place) throws(DocumentError) -> DocumentValue {
        let text = self.scalarText
        let isTyped = self.isPlain && self.scalars == .typed
        guard let tag = Self.text(self.event.data.scalar.tag) else {
            return isTyped ? YAMLScalar.value(text) : .string(text)
        }
        let value = try YAMLTag.value(text, tag, place)
        return self.scalars == .typed ? value : .string(text)
    }

    private mutating func elements(depth: Int) throws(DocumentError) -> [DocumentNode] {
        var nodes: [DocumentNode] = []
        try self.next()
        while self.event.type != YAML_SEQUENCE_END_EVENT {
            nodes.append(try self.node(depth: depth + 1))
            try self.next()
        }
        return nodes
    }

    private mutating func fields(depth: Int) throws(DocumentError) -> [DocumentField] {
        var fields: [DocumentField] = []
        var names = FieldNames()
        var merged: [DocumentField]?
        try self.next()
        while self.event.type != YAML_MAPPING_END_EVENT {
            let place = self.place
            guard self.event.type == YAML_SCALAR_EVENT else {
                throw self.error("a key must be a plain text", place)
            }
            try YAMLTag.check(Self.text(self.event.data.scalar.tag), .text, place)
            let name = self.scalarText
            let isMerge = self.isPlain && name == "<<"
            try self.next()
            let node = try self.node(depth: depth + 1)
            if isMerge {
                guard merged == nil else { throw self.error("duplicate key '<<'", place) }
                merged = try self.merged(node, place)
            } else {
                if let first = names.insert(name, into: fields) {
                    let place = (fields[first].line ?? 1, fields[first].column ?? 1)
                    throw self.error("duplicate key '\(name)'", place)
                }
                fields.append(
                    DocumentField(name, node, line: place.line, column: place.column)
                )
            }
            try self.next()
        }
        for field in merged ?? [] where names.insert(field.name, into: fields) == nil {
            fields.append(field)
        }
        return fields
    }

    private func merged(
        _ node: DocumentNode,
        _ place: Place
    ) throws(DocumentError) -> [DocumentField] {
        switch node.value {
        case .object(let fields):
            return fields
        case .array(let nodes):
            return nodes.flatMap { $0.value.fields ?? [] }
        case .null, .bool, .integer, .number, .string:
            throw self.error("'<<' merges mappings only", place)
        }
    }

    private mutating func unfold(_ place: Place) throws(DocumentError) -> DocumentNode {
        guard self.event.type == YAML_ALIAS_EVENT else {
            throw self.error("unreadable text", place)
        }
        let name = Self.text(self.event.data.alias.anchor) ?? ""
        guard let anchored = self.anchors[name] else {
            throw self.error("alias '*\(name)' names no anchor before it", place)
        }
        self.weight += anchored.weight
        self.unfolded += anchored.weight
        guard self.unfolded <= YAMLText.nodeLimit else {
            throw self.error("the text unfolds into more than \(YAMLText.nodeLimit) values", place)
        }
        return anchored.node
    }

    private var scalarText: String {
        let scalar = self.event.data.scalar
        return String(
            decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
            as: UTF8.self
        )
    }

    private var isPlain: Bool { self.event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE }

    private static func text(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }

    /// Where the current event begins.
    private var place: Place {
        let mark = self.event.start_mark
        return (Int(clamping: mark.line) + 1, Int(clamping: mark.column) + 1)
    }

    private func error(_ message: String, _ place: Place) -> DocumentError {
        DocumentError(message: message, line: place.line, column: place.column)
    }

    /// Why the parser gave no event.
    private var failure: DocumentError {
        let problem = self.parser.pointee.problem.map { String(cString: $0) } ?? "unreadable text"
        switch self.parser.pointee.error {
        case YAML_SCANNER_ERROR, YAML_PARSER_ERROR:
            let context = self.parser.pointee.context.map { String(cString: $0) + ": " } ?? ""
            let mark = self.parser.pointee.problem_mark
            let place = (Int(clamping: mark.line) + 1, Int(clamping: mark.column) + 1)
            return self.error(context + problem, place)
        default: return self.error(problem, (1, 1))
        }
    }
}

/// The names of an object that is read; few are compared one by one.
private struct FieldNames {
    private static let fewCount = 16
    private var places: [String: Int] = [:]

    /// Takes the name of the field that is read next; gives the place of one that has it.
    mutating func insert(_ name: String, into fields: [DocumentField]) -> Int? {
        guard fields.count >= Self.fewCount else { return fields.firstIndex { $0.name == name } }
        for place in self.places.count..<fields.count { self.places[fields[place].name] = place }
        return self.places[name]
    }
}
