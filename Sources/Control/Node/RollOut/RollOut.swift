import Foundation
import HashTreeCollections
import MeshChangelog
import MeshPrimitives
import MeshReports
import MeshTransport

/// A change of the configuration that the nodes take up in waves, each only when the one before has
/// done no harm.
///
/// It is kept in the changelog beside the configuration, written by the changeset that it holds back,
/// so no node ever sees the change without it. Nodes of waves that are not released yet stay with the
/// configuration before. There is one at a time, and while it is open nobody else writes.
///
///     running ──all waves held──> finished
///      │   ^ └──harm, refusal, or an operator──> aborted, and the change is taken back
///      v   │
///     paused
struct RollOut: Codable, Equatable, Sendable {
    /// How far it is.
    typealias Phase = RollOutReport.Phase

    /// What its key begins with.
    static let kind = "roll-outs"
    /// The one that there is, or was last.
    static let key = "\(Self.kind)/current"

    /// Tells roll-outs apart: eight hexadecimal digits.
    let id: String
    /// The hash of the configuration before.
    let base: String
    /// Ids of the nodes of each wave; after these comes one of all other nodes.
    let waves: [[String]]
    /// What nodes hold their own figures against.
    let limits: RollOutLimits
    /// How many waves may take the change up, from 1.
    var wave = 1
    var phase = Phase.running
    /// Why it is paused or was aborted; empty otherwise.
    var reason = ""

    /// Creates a roll-out whose first wave is released.
    init(id: String, base: String, waves: [[String]], limits: RollOutLimits) {
        self.id = id
        self.base = base
        self.waves = waves
        self.limits = limits
    }

    /// Waves, that of all other nodes included.
    var waveCount: Int { self.waves.count + 1 }

    /// Whether some nodes stay with the configuration before.
    var isOpen: Bool {
        switch self.phase {
        case .running, .paused: true
        case .finished, .aborted: false
        }
    }

    /// Whether a node may take the change up.
    func isReleased(_ node: NodeID) -> Bool {
        guard self.isOpen, self.wave < self.waveCount else { return true }
        let id = node.description
        return self.waves.prefix(self.wave).contains { $0.contains(id) }
    }

    /// Whether a node is of the wave that was released last.
    func isTrying(_ node: NodeID) -> Bool {
        let id = node.description
        guard self.wave < self.waveCount else { return !self.waves.joined().contains(id) }
        return self.waves[max(0, self.wave - 1)].contains(id)
    }

    /// The next wave, or the end after the last.
    var advanced: RollOut {
        var next = self
        if self.wave < self.waveCount { next.wave += 1 } else { next.phase = .finished }
        next.reason = ""
        return next
    }

    /// Its form in the changelog.
    var body: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Plain values always encode.
        return (try? encoder.encode(self)).map(Array.init) ?? []
    }

    /// Reads what is kept; `nil` when it is none of this version.
    init?(body: [UInt8]) {
        guard let read = try? JSONDecoder().decode(Self.self, from: Data(body)) else { return nil }
        self = read
    }
}

extension ClusterConfigurationState {
    /// The roll-out that there is, or was last.
    var rollOut: RollOut? { self.state.rollOut }
}

extension MeshChangelog.ConfigurationState {
    /// The roll-out that there is, or was last.
    var rollOut: RollOut? { self.entities[RollOut.key].flatMap { RollOut(body: $0.body) } }
}

extension ChangelogHistory {
    /// The changeset that began a roll-out, with the configurations around it; `nil` when that is
    /// folded.
    func beginning(of rollOut: RollOut) -> Step? {
        self.steps.last { step in
            step.after.rollOut?.id == rollOut.id && step.before.rollOut?.id != rollOut.id
        }
    }
}
