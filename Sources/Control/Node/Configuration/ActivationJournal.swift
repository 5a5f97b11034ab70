import Foundation
import MeshPrimitives
import Synchronization

/// Remembers on disk what is being activated, so that a configuration that kills the node is skipped
/// after the second death.
///
/// One death proves little: `kill -9` may come at any time. The file is not synchronized, since it has
/// to outlive the process and not the machine; it is there only during an activation, or while
/// something is skipped. Another version of the program tries again.
///
///     begin(head) -- end() ------------------------------> forgotten
///         \-- death -- start -- begin(head) -- death -- start: head is skipped
final class ActivationJournal: Sendable {
    /// What the file says.
    struct Record: Equatable, Sendable {
        /// The version of the program that wrote it.
        var version: String
        /// What is being activated, and how many starts have died of it before.
        var activating: (hash: String, deaths: Int)?
        /// Hashes of configurations that are skipped, at most ``skippedLimit``.
        var skipped: [String] = []

        static let skippedLimit = 16
        /// Deaths after which a configuration is skipped.
        static let deathLimit = 2

        /// Compares everything.
        static func == (left: Record, right: Record) -> Bool {
            left.version == right.version && left.skipped == right.skipped
                && left.activating?.hash == right.activating?.hash
                && left.activating?.deaths == right.activating?.deaths
        }

        init(version: String) { self.version = version }

        /// Reads a file at a start: what was being activated then has killed the node.
        init(text: String, version: String) {
            self.init(version: version)
            let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
            guard let first = lines.first, first == ["version", Substring(version)] else { return }
            for words in lines.dropFirst() {
                switch (words.first, words.count) {
                case ("skipped", 2): self.skipped.append(String(words[1]))
                case ("activating", 3):
                    let deaths = (Int(words[2]) ?? 0) &+ 1
                    if deaths >= Self.deathLimit {
                        self.skipped.append(String(words[1]))
                    } else {
                        self.activating = (String(words[1]), max(1, deaths))
                    }
                default: continue
                }
            }
            self.skipped = self.skipped.suffix(Self.skippedLimit)
        }

        /// As it is written; empty when there is nothing to remember.
        var text: String {
            var lines = self.skipped.map { "skipped \($0)" }
            if let activating { lines.append("activating \(activating.hash) \(activating.deaths)") }
            guard !lines.isEmpty else { return "" }
            return (["version \(self.version)"] + lines).map { $0 + "\n" }.joined()
        }
    }

    private let path: String
    private let record: Mutex<Record>

    /// Reads what the start before has left.
    init(path: String, version: String) {
        self.path = path
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        self.record = Mutex(Record(text: text, version: version))
    }

    /// Whether a configuration has killed the node too often.
    func isSkipped(_ hash: ContentHash) -> Bool {
        self.record.withLock { $0.skipped.contains(hash.description) }
    }

    /// Writes down that a configuration is about to be activated.
    func begin(_ hash: ContentHash) {
        self.change { record in
            let known = record.activating.flatMap { $0.hash == hash.description ? $0.deaths : nil }
            record.activating = (hash.description, known ?? 0)
        }
    }

    /// Writes down that nothing is being activated any more.
    func end() { self.change { $0.activating = nil } }

    private func change(_ change: (inout Record) -> Void) {
        self.record.withLock { record in
            change(&record)
            let text = record.text
            // Without the file a death is not seen, which is how it was without any of this.
            if text.isEmpty {
                unlink(self.path)
            } else {
                try? text.write(toFile: self.path, atomically: false, encoding: .utf8)
            }
        }
    }
}
