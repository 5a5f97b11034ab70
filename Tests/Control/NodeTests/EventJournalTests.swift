import Foundation
import MeshReports
import MeshStorage
import Testing

@testable import MeshNode

@Suite("The journal of events")
struct EventJournalTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("meshgate-events-\(UUID()).jsonl").path
    private let disk = DiskThread()

    private func log() -> EventLog {
        EventLog(
            observer: "eu-1",
            journal: EventJournal(path: self.path, disk: self.disk),
            logger: LogLines().logger
        )
    }

    private func add(_ count: Int, to log: EventLog) async throws {
        for number in 0..<count {
            log.add(.node, .signal, subject: "\(number)", message: "m")
        }
        try await self.disk.run {}
    }

    private func events(of log: EventLog, after id: UInt64) async -> [EventReport] {
        let stream = log.events(after: id)
        log.end()
        return await stream.reduce(into: []) { $0.append($1) }
    }

    @Test("gives events back after a restart, with observer, date and number")
    func survivesRestart() async throws {
        defer { try? FileManager.default.removeItem(atPath: self.path) }
        try await self.add(3, to: self.log())

        let next = self.log()
        try await self.add(1, to: next)
        let events = await self.events(of: next, after: 1)

        #expect(events.map(\.id) == [2, 3, 4])
        #expect(events.map(\.subject) == ["1", "2", "0"])
        #expect(events.allSatisfy { $0.observer == "eu-1" && !$0.time.isEmpty })
    }

    @Test("passes over lines that are cut or damaged, and goes on")
    func survivesDamage() async throws {
        defer { try? FileManager.default.removeItem(atPath: self.path) }
        try await self.add(2, to: self.log())
        var content = try #require(FileManager.default.contents(atPath: self.path))
        content.append(Data("{\"id\": 3, \"ti".utf8))
        try content.write(to: URL(fileURLWithPath: self.path))

        try await self.add(1, to: self.log())
        let events = await self.events(of: self.log(), after: 0)

        #expect(events.map(\.id) == [1, 2, 3])
    }

    @Test("keeps the last events only, and its file within bounds")
    func isBounded() async throws {
        defer { try? FileManager.default.removeItem(atPath: self.path) }
        try await self.add(EventJournal.lineLimit + EventLog.capacity + 10, to: self.log())

        let content = try #require(FileManager.default.contents(atPath: self.path))
        let lines = content.split(separator: UInt8(ascii: "\n")).count
        let attributes = try FileManager.default.attributesOfItem(atPath: self.path)

        #expect(lines <= EventJournal.lineLimit + 1)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(EventJournal(path: self.path, disk: self.disk).events.count <= EventLog.capacity)
    }
}
