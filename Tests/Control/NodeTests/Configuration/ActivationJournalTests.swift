import Foundation
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("What is being activated, on disk")
struct ActivationJournalTests {
    private static let poison = ContentHash(high: 1, low: 1)
    private static let good = ContentHash(high: 2, low: 2)

    private static func withPath(_ body: (String) throws -> Void) rethrows {
        let path = "\(NSTemporaryDirectory())activating-\(UUID().uuidString)"
        defer { unlink(path) }
        try body(path)
    }

    @Test("skips a configuration of which the node died twice, and nothing else")
    func twoDeaths() {
        Self.withPath { path in
            let first = ActivationJournal(path: path, version: "1")
            first.begin(Self.good)
            first.end()
            first.begin(Self.poison)
            let second = ActivationJournal(path: path, version: "1")
            #expect(!second.isSkipped(Self.poison))
            second.begin(Self.poison)
            let third = ActivationJournal(path: path, version: "1")
            #expect(third.isSkipped(Self.poison))
            #expect(!third.isSkipped(Self.good))
            third.begin(Self.good)
            third.end()
            let fourth = ActivationJournal(path: path, version: "1")
            #expect(fourth.isSkipped(Self.poison), "it stays skipped")
        }
    }

    @Test("forgets one death when the activation succeeds afterwards")
    func oneDeath() {
        Self.withPath { path in
            ActivationJournal(path: path, version: "1").begin(Self.poison)
            let second = ActivationJournal(path: path, version: "1")
            second.begin(Self.poison)
            second.end()
            #expect(!FileManager.default.fileExists(atPath: path))
            ActivationJournal(path: path, version: "1").begin(Self.poison)
            #expect(!ActivationJournal(path: path, version: "1").isSkipped(Self.poison))
        }
    }

    @Test("tries everything again under another version")
    func upgrade() {
        Self.withPath { path in
            for _ in 1...2 { ActivationJournal(path: path, version: "1").begin(Self.poison) }
            #expect(ActivationJournal(path: path, version: "1").isSkipped(Self.poison))
            #expect(!ActivationJournal(path: path, version: "2").isSkipped(Self.poison))
        }
    }

    @Test(
        "takes a damaged file for none",
        arguments: ["", "nonsense", "version 1\nactivating x", "\0"]
    )
    func damage(text: String) throws {
        try Self.withPath { path in
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let journal = ActivationJournal(path: path, version: "1")
            #expect(!journal.isSkipped(Self.poison))
            journal.begin(Self.good)
            journal.end()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }
}
