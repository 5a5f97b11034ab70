import Foundation
import Testing

@testable import MeshTLS

@Suite("A TLS transfer")
struct TransferTests {
    /// Bytes whose order can be told.
    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    @Test(
        "is whole both ways at once through tiny socket buffers",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func isWhole(version: TLSSession.Version) throws {
        let pair = try TLSPair.connected(
            TestIdentities.server(),
            TestIdentities.client { $0.maximumVersion = version }
        )
        for end in [pair.server, pair.client] {
            var size: Int32 = 1
            let length = socklen_t(MemoryLayout<Int32>.size)
            #expect(setsockopt(end.descriptor, SOL_SOCKET, SO_SNDBUF, &size, length) == 0)
        }
        let (down, up) = (Self.bytes(1_000_003), Self.bytes(700_001))
        var (seenDown, seenUp): ([UInt8], [UInt8]) = ([], [])

        pair.server.write(down)
        pair.client.write(up)
        #expect(!pair.server.pending.isEmpty, "the buffers are not tiny")
        for _ in 0..<100_000 where seenDown.count < down.count || seenUp.count < up.count {
            seenDown += pair.client.readAll().0
            seenUp += pair.server.readAll().0
        }

        #expect(seenDown == down)
        #expect(seenUp == up)
    }

    @Test("is whole when the reader takes odd portions")
    func isWholeInPortions() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        let bytes = Self.bytes(100_000)
        pair.client.write(bytes)
        var seen: [UInt8] = []
        pair.server.session.inputArrived()
        for turn in 0..<10_000 where pair.server.session.hasUnread {
            seen += pair.server.readOnce(limit: 1 + turn % 1_999).1
        }
        #expect(seen == bytes)
    }

    @Test("leaves no record buffers behind when the connection is idle")
    func releasesBuffers() throws {
        let (server, client) = try (TestIdentities.server(), TestIdentities.client())
        let outputs = (TLSOutput(), TLSOutput())
        func idlePair() throws -> TLSPair {
            let pair = try TLSPair(server, client, outputs: outputs)
            #expect(pair.handshake().server == .done)
            let bytes = Self.bytes(20_000)
            pair.client.write(bytes)
            #expect(pair.server.readAll().0.count == bytes.count)
            pair.server.write(bytes)
            #expect(pair.client.readAll().0.count == bytes.count)
            return pair
        }
        func residentBytes() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            return try #require(pages) * 4_096
        }
        var pairs = try (0..<20).map { _ in try idlePair() }
        let before = try residentBytes()
        for _ in 0..<200 { pairs.append(try idlePair()) }
        let perPair = (try residentBytes() - before) / 200

        // Kept buffers of two sides would be 100 KiB and more; what both sides need is 30.
        #expect(perPair < 64 * 1_024, "\(perPair) bytes")
    }

    @Test("of several sessions shares the output of their thread")
    func sharesOutput() throws {
        let output = TLSOutput()
        let pair = try TLSPair(
            TestIdentities.server(),
            TestIdentities.client(),
            outputs: (output, output)
        )

        #expect(pair.handshake().server == .done)
        pair.client.write("one output")
        #expect(pair.server.readText() == "one output")
    }
}
