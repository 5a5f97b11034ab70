import MeshChangelog
import MeshPrimitives
import MeshReports
import Testing

@testable import MeshNode

@Suite("The configurations of the past")
struct ConfigurationTimelineTests {
    private static let service = "services/bbbbbbbb-0000-0000-0000-000000000001"
    private static let other = "services/bbbbbbbb-0000-0000-0000-000000000002"

    /// A log that has taken these writes, each made durable at once.
    private static func timeline(_ writes: [[String: String?]]) throws -> ConfigurationTimeline {
        let now = MonotonicInstant(nanoseconds: 0)
        var log = try Changelog(
            node: NodeID(high: 1, low: 1),
            region: "eu",
            stored: StoredChangelog(),
            rules: .gateway,
            seed: 1
        )
        for (index, write) in writes.enumerated() {
            var changes: [String: [UInt8]?] = [:]
            for (key, body) in write {
                changes.updateValue(body.map { Array($0.utf8) }, forKey: key)
            }
            let effects = try log.write(
                ChangelogDraft(changes: changes, author: "alice", message: "write \(index + 1)"),
                ticket: UInt64(index),
                at: now
            )
            for case .persist(let batch, let token) in effects {
                _ = log.persisted(token, batch.prepared(by: .gateway), at: now)
            }
        }
        return ConfigurationTimeline(history: log.history)
    }

    private static func entity(_ id: String, _ name: String, _ host: String) -> String {
        #"{"id":"\#(id.suffix(36))","name":"\#(name)","host":"\#(host)"}"#
    }

    private static func sample() throws -> ConfigurationTimeline {
        try Self.timeline([
            [Self.service: Self.entity(Self.service, "web", "a")],
            [Self.service: Self.entity(Self.service, "web", "b"), "node-modes/x": "draining"],
            [Self.other: Self.entity(Self.other, "api", "c")],
            [Self.service: nil],
        ])
    }

    /// The third configuration has the content of the first.
    private static func returning() throws -> ConfigurationTimeline {
        try Self.timeline([
            [Self.service: Self.entity(Self.service, "web", "a")],
            [Self.service: Self.entity(Self.service, "web", "b")],
            [Self.service: Self.entity(Self.service, "web", "a")],
            [Self.other: Self.entity(Self.other, "api", "c")],
        ])
    }

    @Test("are named by changeset, generation, or a ^ for what was before")
    func names() throws {
        let timeline = try Self.sample()
        let ids = timeline.history.changesets.map { "\($0.id)" }
        #expect(try timeline.place(named: "").count == 4)
        #expect(try timeline.place(named: "^").count == 3)
        #expect(try timeline.place(named: "g2").count == 2)
        #expect(try timeline.place(named: "2").count == 2)
        #expect(try timeline.place(named: ids[1]).count == 2)
        #expect(try timeline.place(named: "\(ids[1])^").count == 1)
        #expect(try timeline.place(named: "checkpoint").count == 0)
        #expect(try timeline.place(named: "g0").count == 0)
        for name in ["g9", "x", "checkpoint^", "-1", "g"] {
            #expect(throws: ConfigurationTimeline.Trouble.unknown(name)) {
                try timeline.place(named: name)
            }
        }
    }

    @Test("differ in the entities that changed between them, without what is kept aside")
    func differences() throws {
        let timeline = try Self.sample()
        let state = { (name: String) in timeline.state(at: try timeline.place(named: name)) }
        #expect(try state("g2").differingKeys(from: state("g1")) == [Self.service])
        #expect(try state("").differingKeys(from: state("g2")) == [Self.service, Self.other])
        #expect(try state("g1").differingKeys(from: state("g1")).isEmpty)
    }

    @Test("tell how many changesets a node lags behind, and whether it has a changeset")
    func lag() throws {
        let timeline = try Self.sample()
        let versions = timeline.history.heads.map(ConfigurationVersion.init)
        #expect(versions.map { timeline.lag(of: $0) } == [3, 2, 1, 0])
        #expect(timeline.lag(of: .none) == 4)
        #expect(timeline.lag(of: ConfigurationVersion(version: "g2", hash: "77")) == nil)
        #expect(timeline.does(versions[2], include: 2))
        #expect(!timeline.does(versions[1], include: 2))
        #expect(!timeline.does(ConfigurationVersion(version: "g2", hash: "77"), include: 0))
    }

    @Test("count a node that came back to an older content by its generation")
    func repeatedContent() throws {
        let timeline = try Self.returning()
        let versions = timeline.history.heads.map(ConfigurationVersion.init)
        #expect(versions[0].hash == versions[2].hash)
        #expect(timeline.lag(of: versions[0]) == 3)
        #expect(timeline.lag(of: versions[2]) == 1)
    }

    @Test("are named by their hash, which stands for all that was written upon it later")
    func hashes() throws {
        let timeline = try Self.returning()
        let versions = timeline.history.heads.map(ConfigurationVersion.init)
        #expect(try timeline.index(named: versions[0].hash) == 2)
        #expect(try timeline.index(named: versions[1].hash) == 1)
        #expect(timeline.does(versions[3], include: try timeline.index(named: versions[2].hash)))
        #expect(!timeline.does(versions[1], include: try timeline.index(named: versions[2].hash)))
        let start = ConfigurationVersion(timeline.history.startHead)
        #expect(try timeline.index(named: start.hash) == -1)
        #expect(timeline.does(versions[0], include: -1))
    }

    @Test("are told with what each changeset really changed, and where it is live")
    func reports() throws {
        let timeline = try Self.sample()
        var member = MemberReport(
            id: "\(NodeID(high: 1, low: 1))",
            name: "eu-1",
            region: "eu",
            address: "127.0.0.1:7946"
        )
        member.config = ConfigurationVersion(timeline.history.heads[2])
        let reports = ChangesetReporter(timeline, [member]).reports(last: 3)
        #expect(reports.map(\.config.version) == ["g4", "g3", "g2"])
        #expect(reports.map(\.nodes) == [[], ["eu-1"], []])
        #expect(reports.map(\.summary.deleted) == [1, 0, 0])
        #expect(reports.map(\.summary.created) == [0, 1, 1])
        #expect(reports.map(\.summary.updated) == [0, 0, 1])
        #expect(reports[0].node == "eu-1")
        #expect(reports[0].author == "alice")
        #expect(reports[0].message == "write 4")
    }
}
