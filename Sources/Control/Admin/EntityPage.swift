import Foundation
import MeshEntities

/// One page of a list: Kong's `size`, `offset` and `tags` applied to ids.
struct EntityPage {
    /// At most this many tags in one filter.
    private static let maximumTags = 5
    /// Rows of a page unless told.
    private static let defaultSize = 100
    /// The largest page.
    private static let maximumSize = 1_000

    let document: DocumentValue

    /// Cuts the page that the query asks for.
    ///
    /// - Parameters:
    ///   - ids: of one kind, ascending; targets are turned to newest first, as Kong lists them.
    ///   - kind: their kind.
    ///   - catalogue: where they stand.
    ///   - path: the list's own path, for `next`.
    ///   - query: what was asked for.
    /// - Throws: ``MeshEntities/EditRefusal`` for a size, offset or filter that cannot be used.
    init(
        of ids: [EntityID],
        _ kind: EntityKind,
        in catalogue: EntityCatalogue,
        path: String,
        query: [String: String]
    ) throws(EditRefusal) {
        let ordered =
            kind == .targets
            ? ids.sorted { (catalogue.moment(kind, $0), $0) > (catalogue.moment(kind, $1), $1) }
            : ids
        let filtered =
            try TagFilter(query["tags"]).map { filter in
                ordered.filter { filter.accepts(catalogue.tags(kind, $0)) }
            } ?? ordered
        let size = try Self.size(query["size"])
        let start = try Self.start(query["offset"], in: filtered, isAscending: kind != .targets)
        let page = filtered[start...].prefix(size)
        let view = EntityView(catalogue: catalogue)
        let rows = page.compactMap { catalogue.row(kind, $0) }.map(view.document)
        var fields = [DocumentField("data", .list(rows))]
        if let last = page.last, start + page.count < filtered.count {
            let offset = Data("\(last)".utf8).base64EncodedString()
            let kept = ["size", "tags"].compactMap { name in
                query[name].map { "&\(name)=\(Self.escaped($0))" }
            }
            let next = "\(path)?offset=\(Self.escaped(offset))\(kept.joined())"
            fields.append(DocumentField("next", .string(next)))
            fields.append(DocumentField("offset", .string(offset)))
        } else {
            fields.append(DocumentField("next", .null))
        }
        self.document = .object(fields)
    }

    private static func size(_ text: String?) throws(EditRefusal) -> Int {
        guard let text else { return Self.defaultSize }
        guard let number = Double(text) else { throw .invalidSize("size must be a number") }
        guard let size = Int(exactly: number), (1...Self.maximumSize).contains(size) else {
            throw .invalidSize("size must be an integer between 1 and \(Self.maximumSize)")
        }
        return size
    }

    /// The index after the row that ended the page before; rows may have come and gone since.
    private static func start(
        _ text: String?,
        in ids: [EntityID],
        isAscending: Bool
    ) throws(EditRefusal) -> Int {
        guard let text else { return 0 }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw .invalidOffset(text, "bad base64 encoding")
        }
        guard let last = EntityID(String(decoding: data, as: UTF8.self)) else {
            throw .invalidOffset(text, "bad offset")
        }
        if let index = ids.firstIndex(of: last) { return index + 1 }
        return isAscending ? ids.firstIndex { $0 > last } ?? ids.count : ids.count
    }

    /// A text for a query of a URL.
    static func escaped(_ text: String) -> String {
        var allowed = CharacterSet.urlQueryAllowed
        allowed.remove(charactersIn: "+&=/")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }

    /// Which labels a list asks for: all of `a,b`, or any of `a/b`.
    private struct TagFilter {
        private let tags: [String]
        private let isAny: Bool

        init?(_ text: String?) throws(EditRefusal) {
            guard let text else { return nil }
            guard !text.isEmpty else { throw .invalidTags("cannot be null") }
            guard !(text.contains(",") && text.contains("/")) else {
                throw .invalidTags("invalid filter syntax")
            }
            self.isAny = text.contains("/")
            self.tags = text.split(
                separator: self.isAny ? "/" : ",",
                omittingEmptySubsequences: false
            ).map(String.init)
            guard self.tags.allSatisfy({ !$0.isEmpty }), self.tags.count <= maximumTags else {
                throw .invalidTags("invalid filter syntax")
            }
        }

        func accepts(_ own: [String]) -> Bool {
            self.isAny
                ? self.tags.contains(where: own.contains) : self.tags.allSatisfy(own.contains)
        }
    }
}

extension EditRefusal {
    static func invalidSize(_ problem: String) -> EditRefusal {
        EditRefusal(code: 9, name: "invalid size", message: problem)
    }

    static func invalidOffset(_ offset: String, _ problem: String) -> EditRefusal {
        EditRefusal(
            code: 7,
            name: "invalid offset",
            message: "'\(offset)' is not a valid offset: \(problem)"
        )
    }

    static func invalidTags(_ problem: String) -> EditRefusal {
        EditRefusal(
            code: 11,
            name: "invalid options",
            message: "invalid option (tags: \(problem))",
            fields: .record(["tags": .string(problem)])
        )
    }

    /// The error as an answer.
    var answer: AdminAnswer { .document(self.document, status: self.status) }
}
