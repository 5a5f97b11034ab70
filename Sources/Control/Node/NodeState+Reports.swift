import MeshActivation
import MeshObservations
import MeshPrimitives
import MeshReports

extension NodeState {
    /// Which configuration the node routes by, as reports show it.
    var version: ConfigurationVersion {
        ConfigurationVersion(
            generation: self.generation,
            hash: self.configurationHash.description
        )
    }

    /// Takes over what the node routes by, and since when.
    mutating func take(_ standing: ConfigurationStanding) {
        let head = standing.active ?? .none
        if self.configurationHash != head.hash {
            self.configurationSince = NodeClock.wallMilliseconds
        }
        self.generation = head.generation
        self.configurationHash = head.hash
        self.rejection = standing.refusal?.reason ?? ""
    }
}

extension MemberReport.Mode {
    /// What a node says that it is in.
    init(_ mode: NodeMode) {
        switch mode {
        case .normal: self = .normal
        case .draining: self = .draining
        case .maintenance: self = .maintenance
        }
    }
}

extension NodeMode {
    /// What an operator wants of a node.
    init(_ mode: MemberReport.Mode) {
        switch mode {
        case .normal: self = .normal
        case .draining: self = .draining
        case .maintenance: self = .maintenance
        }
    }
}
