import MeshChangelog
import MeshReports

extension EventLog {
    /// Tells operators what the changelog noticed.
    func add(_ notice: ChangelogNotice) {
        switch notice {
        case .conflict(let conflict):
            self.add(
                .config,
                .conflict,
                subject: conflict.key,
                message: "\(conflict.key) was changed at two nodes at once: "
                    + "\(conflict.winner.name) stands, \(conflict.loser.name) is kept",
                details: ["winner": conflict.winner.name, "loser": conflict.loser.name]
            )
        case .refused(let id, let reason):
            self.add(
                .config,
                .changesetRefused,
                subject: "\(id)",
                message: "changeset \(id) changes nothing: \(reason)"
            )
        case .cameLate(let id):
            self.add(
                .config,
                .changesetLate,
                subject: "\(id)",
                message: "changeset \(id) came after its place was folded; it is written again"
            )
        case .twoContents(let id, let one, let other):
            self.add(
                .config,
                .changesetTwice,
                subject: "\(id)",
                message: "two contents are called \(id); two stores are copies of one. "
                    + "Both are kept, one under another name",
                details: ["one": "\(one)", "other": "\(other)"]
            )
        case .writerReplaced(let old, let new):
            self.add(
                .node,
                .storeCopied,
                subject: "\(old)",
                message: "peers hold more of this store's changes than it does: it was restored "
                    + "or copied, and writes as \(new) from now on"
            )
        case .generationAhead(let id, let generation, let held):
            self.add(
                .config,
                .changesetAhead,
                subject: "\(id)",
                message: "changeset \(id) claims generation \(generation) at \(held): refused; "
                    + "its node is damaged"
            )
        case .malformed(let node, let reason):
            self.add(
                .node,
                .changesetMalformed,
                subject: "\(node)",
                message: "\(node) sent what is no changeset: \(reason)"
            )
        case .notSaved(let reason):
            self.add(
                .node,
                .saveFailed,
                subject: "store",
                message: "changes cannot be saved, so none is taken; what is active stays: "
                    + "\(reason)"
            )
        case .savedAgain:
            self.add(.node, .savedAgain, subject: "store", message: "changes are saved again")
        }
    }
}

extension Conflict.Side {
    /// The changeset, as far as it is remembered.
    fileprivate var name: String { self.changeset.map { "\($0)" } ?? "an older change" }
}
