import Foundation
import MeshEntities

/// One page of a list: Kong's `size`, `offset` and `tags` applied to rows.
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
    /// - Throws: ``KongError`` for a size, offset or filter that cannot be used.
    init(
        of rows: [EntityRow],
        path: String,
        query: [String: String]
    ) throws(KongError) {
        let filtered = try Self.filtered(rows, by: query["tags"])
        let size = try Self.size(query["size"])
        let start = try Self.start(query["offset"], in: filtered)
        let page = filtered[start...].prefix(size)
        var fields = [DocumentField("data", .list(page.map(EntityTable.printed)))]
        if let last = page.last, start + page.count < filtered.count {
            let offset = Data(last.id.utf8).base64EncodedString()
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

    private static func size(_ text: String?) throws(KongError) -> Int {
        guard let text else { return Self.defaultSize }
        guard let size = Int(text), (1...Self.maximumSize).contains(size) else {
            throw .invalidSize()
        }
        return size
    }

    /// The index after the row that ended the page before; rows may have come and gone since.
    private static func start(_ text: String?, in rows: [EntityRow]) throws(KongError) -> Int {
        guard let text else { return 0 }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw .invalidOffset(text)
        }
        let last = String(decoding: data, as: UTF8.self)
        if let index = rows.firstIndex(where: { $0.id == last }) { return index + 1 }
        return rows.firstIndex { $0.id > last } ?? rows.count
    }

    private static func filtered(
        _ rows: [EntityRow],
        by filter: String?
    ) throws(KongError) -> [EntityRow] {
        guard let filter else { return rows }
        guard !filter.isEmpty else { throw .invalidTags("cannot be null") }
        guard !(filter.contains(",") && filter.contains("/")) else {
            throw .invalidTags("invalid filter syntax")
        }
        let separator: Character = filter.contains("/") ? "/" : ","
        let tags = filter.split(separator: separator, omittingEmptySubsequences: false)
        guard tags.allSatisfy({ !$0.isEmpty }), tags.count <= Self.maximumTags else {
            throw .invalidTags("invalid filter syntax")
        }
        return rows.filter { row in
            let own = row.tags
            let has = { (tag: Substring) in own.contains(String(tag)) }
            return separator == "/" ? tags.contains(where: has) : tags.allSatisfy(has)
        }
    }

    private static func escaped(_ text: String) -> String {
        var allowed = CharacterSet.urlQueryAllowed
        allowed.remove(charactersIn: "+&=/")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}
