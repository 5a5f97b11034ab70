import MeshEntities

/// What came of asking every live node to forget answers that `proxy-cache` keeps.
public struct CachePurge: Equatable, Sendable {
    /// Whether a node that answered had what is forgotten.
    public var isFound: Bool
    /// Names of the nodes that did not answer in time, sorted; they may still keep it.
    public var silent: [String]

    /// Brings the answers of all nodes together.
    public init(isFound: Bool, silent: [String] = []) {
        self.isFound = isFound
        self.silent = silent.sorted()
    }

    /// 504 when a node may still keep it, so that nobody takes that for done; asking again is safe.
    var refusal: AdminAnswer? {
        guard !self.silent.isEmpty else { return nil }
        let names = self.silent.joined(separator: ", ")
        return .document(
            .record([
                "message": .string(
                    "no answer within 3 s from \(names); what is kept there stays: ask again, or "
                        + "see meshctl members"
                ),
                "silent": .list(self.silent.map { .string($0) }),
            ]),
            status: 504
        )
    }
}
