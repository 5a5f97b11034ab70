import MeshReports

extension AdminError {
    /// The answer of a path of ours.
    var answer: AdminAnswer {
        let (status, code) = self.place
        return .report(
            FailureReport(code: code, message: self.message, findings: self.findings),
            status: status
        )
    }

    /// The HTTP status and our stable code.
    private var place: (status: Int, code: String) {
        switch self {
        case .invalidConfiguration: (400, "MESH102")
        case .stale: (409, "MESH103")
        case .unknownNode: (404, "MESH104")
        case .refused: (409, "MESH105")
        case .busy: (429, "MESH106")
        case .stopping: (503, "MESH107")
        case .timedOut: (504, "MESH108")
        case .failed: (500, "MESH109")
        case .unknownChangeset: (404, "MESH110")
        }
    }

    private var findings: [FindingReport] {
        if case .invalidConfiguration(let invalid) = self { invalid.findings } else { [] }
    }

    /// What, why and what to do, on one line.
    private var message: String {
        switch self {
        case .invalidConfiguration(let invalid):
            "\(invalid.message); nothing was changed"
        case .busy: "another configuration is being loaded; try again"
        case .timedOut: "loading took too long; see meshctl config status"
        case .stopping: "the node is stopping; ask another one"
        case .stale(let held):
            "somebody else changed the configuration, it is \(held.version) \(held.hash.prefix(8)) now; "
                + "compare again: meshctl config diff"
        case .unknownNode(let name): "no member is called \(name); list them: meshctl members"
        case .unknownChangeset(let name):
            "no changeset that is remembered is called \(name); list them: meshctl config history"
        case .refused(let reason), .failed(let reason): reason
        }
    }
}
