import Foundation
import Testing

@testable import MeshTLS

@Suite("Memory of a connection")
struct IdleMemoryTests {
    private static let pairCount = 200

    /// Bytes that the allocator has given out and not got back: `malloc_info(3)`, which Swift's Glibc
    /// does not show.
    private static func allocated() throws -> Int {
        typealias Report = @convention(c) (Int32, UnsafeMutablePointer<FILE>) -> Int32
        let write = unsafeBitCast(
            try #require(dlsym(UnsafeMutableRawPointer(bitPattern: 0), "malloc_info")),
            to: Report.self
        )
        let file = try #require(tmpfile())
        defer { fclose(file) }
        try #require(write(0, file) == 0)
        rewind(file)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        // Behind the last heap stand the totals.
        let report = String(decoding: bytes.prefix(count), as: UTF8.self)
        let totals = try #require(report.components(separatedBy: "</heap>").last)
        let taken =
            try Self.size("system type=\"current\"", in: totals)
            + Self.size("total type=\"mmap\"", in: totals)
        return try taken - Self.size("total type=\"fast\"", in: totals)
            - Self.size("total type=\"rest\"", in: totals)
    }

    /// The size that an element of the report tells.
    private static func size(_ element: String, in totals: String) throws -> Int {
        let parts = totals.components(separatedBy: "<\(element) ")
        try #require(parts.count == 2)
        let size = parts[1].components(separatedBy: "size=\"")
        try #require(size.count > 1)
        return try #require(Int(size[1].prefix { $0 != "\"" }))
    }

    @Test(
        "shrinks by the read buffer as soon as nothing is half read",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func releasesReadBuffer(version: TLSSession.Version) throws {
        let (server, client) = try (
            TestIdentities.server(), TestIdentities.client { $0.maximumVersion = version }
        )
        var rests: [[UInt8]] = []
        let pairs = try (0..<Self.pairCount).map { _ in
            let pair = try TLSPair.connected(server, client)
            _ = pair.client.readAll()
            let request = [UInt8](repeating: 1, count: 2_000)
            try #require(request.withUnsafeBytes { pair.client.session.write($0) })
            let record = Array(pair.client.output.bytes)
            pair.client.output.clear()
            try #require(send(pair.client.descriptor, record, 1_000, 0) == 1_000)
            #expect(pair.server.readAll().0.isEmpty)
            rests.append(Array(record.dropFirst(1_000)))
            return pair
        }
        let busy = try Self.allocated()
        for (pair, rest) in zip(pairs, rests) {
            try #require(send(pair.client.descriptor, rest, rest.count, 0) == rest.count)
            #expect(pair.server.readAll().0.count == 2_000)
        }
        let idle = try Self.allocated()

        // Tests beside this one allocate and free, too.
        #expect(busy - idle > Self.pairCount * ReadAhead.byteCount * 3 / 4)
    }
}
