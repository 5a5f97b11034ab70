import Foundation
import MeshEntities

extension AdminExchange {
    /// Whether the client holds this state of the entity already (RFC 9110, section 13.1.2).
    func isKnown(_ tag: String) -> Bool {
        self.method == "GET" && self.tags("if-none-match")?.contains(tag) ?? false
    }

    /// Why the write must not be done to this state of the entity; `nil` lets it be done.
    ///
    /// Source: RFC 9110, sections 13.1.1 and 13.1.2.
    func precondition(_ row: EntityRow?) -> AdminAnswer? {
        let held = row.map(EntityView.tag)
        if let wanted = self.tags("if-match") {
            let isMet = held.map { wanted == ["*"] || wanted.contains($0) } ?? false
            guard isMet else { return Self.failed(held) }
        }
        if let unwanted = self.tags("if-none-match"), let held {
            guard unwanted != ["*"], !unwanted.contains(held) else { return Self.failed(held) }
        }
        return nil
    }

    private func tags(_ name: String) -> [String]? {
        self.headers[name].map { field in
            field.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private static func failed(_ held: String?) -> AdminAnswer {
        var answer = AdminAnswer.message(
            held == nil
                ? "the entity does not exist" : "the entity is not in the state that you expect",
            status: 412
        )
        if let held { answer.headers.append(("ETag", held)) }
        return answer
    }
}
