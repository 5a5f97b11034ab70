import MeshEntities

/// What came of asking every node to forget answers that `proxy-cache` keeps.
public struct CachePurge: Equatable, Sendable {
    /// Whether a node that answered had what is forgotten.
    public var isFound: Bool
    /// Names of the nodes that did not answer in time, sorted; they may still keep it.
    public var silent: [String]

    /// Names of the members that failed within the last 72 h, sorted; they may still keep it, too, if they run.
    public var failed: [String]

    /// Brings the answers of all nodes together.
    public init(isFound: Bool, silent: [String] = [], failed: [String] = []) {
        self.isFound = isFound
        self.silent = silent.sorted()
        self.failed = failed.sorted()
    }

    /// 504 when a node may still keep it, so that nobody takes that for done; asking again is safe.
    var refusal: AdminAnswer? {
        var parts: [String] = []
        if !self.silent.isEmpty {
            parts.append(
                "no answer within 3 s from \(self.silent.joined(separator: ", ")); what is kept "
                    + "there stays: ask again, or see meshctl members"
            )
        }
        if !self.failed.isEmpty {
            parts.append(
                "\(self.failed.joined(separator: ", ")) cannot be reached; what is kept there stays "
                    + "if it runs: ask again when it is back, or end it and meshctl forget it"
            )
        }
        guard !parts.isEmpty else { return nil }
        return .document(
            .record([
                "message": .string(parts.joined(separator: "; ")),
                "silent": .list(self.silent.map { .string($0) }),
                "failed": .list(self.failed.map { .string($0) }),
            ]),
            status: 504
        )
    }
}
