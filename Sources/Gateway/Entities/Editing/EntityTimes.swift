/// The times of creation and of the last change, which the writer of an entity sets.
public enum EntityTimes {
    private static let fields = ["created_at", "updated_at"]

    /// An entity with its times, as it takes the place of another.
    ///
    /// - Parameters:
    ///   - document: all fields; times that it gives itself are kept.
    ///   - kind: its kind; only targets keep milliseconds.
    ///   - old: what it replaces; when nothing else changes, its times stay.
    ///   - now: unix seconds.
    /// - Returns: the document to store.
    public static func stamped(
        _ document: DocumentValue,
        _ kind: EntityKind,
        over old: DocumentValue?,
        at now: Double
    ) -> DocumentValue {
        let moment = DocumentValue(
            kind == .targets ? (now * 1_000).rounded() / 1_000 : now.rounded(.down)
        )
        var stamped = document
        let isSame = old.map { Self.untimed($0) == Self.untimed(document) } ?? false
        let times = [old?["created_at"] ?? moment, isSame ? old?["updated_at"] ?? moment : moment]
        for (field, time) in zip(Self.fields, times) where stamped[field]?.isNull ?? true {
            stamped.set(field, time.isNull ? moment : time)
        }
        return stamped
    }

    /// The canonical text without times.
    private static func untimed(_ document: DocumentValue) -> [UInt8] {
        var plain = document
        for field in Self.fields { plain.set(field, .null) }
        return plain.canonicalJSON
    }
}
