import Foundation
import Testing

@testable import MeshTLS

@Suite("A TLS session")
struct TLSSessionTests {
    @Test("shakes hands and carries bytes both ways")
    func carries() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())

        pair.client.write("ping")
        #expect(pair.server.readText() == "ping")
        pair.server.write("pong")
        #expect(pair.client.readText() == "pong")

        #expect(pair.server.session.version == .tls13)
        #expect(pair.server.session.cipherName.hasPrefix("TLS_"))
        #expect(!pair.server.session.isResumed)
        #expect(!pair.server.session.hasPeerCertificate)
        #expect(pair.client.session.hasPeerCertificate)
    }

    @Test("finds bytes that came along with the end of the handshake")
    func readsEarlyRequest() throws {
        let pair = try TLSPair(TestIdentities.server(), TestIdentities.client())
        #expect(pair.client.handshake() == .wantsInput)
        #expect(pair.server.handshake() == .wantsInput)
        pair.client.session.inputArrived()
        #expect(pair.client.session.handshake() == .done)
        pair.client.write("GET /")

        #expect(pair.server.handshake() == .done)
        #expect(pair.server.session.hasUnread)
        let (reading, bytes) = pair.server.readOnce()

        #expect(reading == .bytes(5))
        #expect(bytes == Array("GET /".utf8))
        #expect(!pair.server.session.hasUnread)
    }

    @Test("gathers all records of one write into one output")
    func gathers() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        let bytes = [UInt8](repeating: 0x61, count: 65_536)

        #expect(bytes.withUnsafeBytes { pair.server.session.write($0) })

        // Four records of 16 KiB, 22 bytes each around them (RFC 8446 section 5.2).
        #expect(pair.server.output.bytes.count == 65_536 + 4 * 22)
    }

    @Test("reads several records at once")
    func readsRecords() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        for _ in 0..<10 { pair.client.write([UInt8](repeating: 1, count: 1_000)) }

        pair.server.session.inputArrived()
        #expect(pair.server.readOnce().0 == .bytes(10_000))
        #expect(!pair.server.session.hasUnread)
        #expect(pair.server.readOnce().0 == .drained)
    }

    @Test("says that bytes are held inside when the reader stops early")
    func holdsUnread() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        pair.client.write([UInt8](repeating: 1, count: 30_000))

        pair.server.session.inputArrived()
        #expect(pair.server.readOnce(limit: 100).0 == .bytes(100))
        #expect(pair.server.session.hasUnread)
        #expect(pair.server.readOnce(limit: 65_536).0 == .bytes(29_900))
        #expect(!pair.server.session.hasUnread)
    }

    @Test("looks at the socket again only after an edge")
    func waitsForEdge() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        #expect(pair.server.readOnce().0 == .drained)
        pair.client.write("late")

        #expect(pair.server.readOnce().0 == .drained)
        pair.server.session.inputArrived()
        #expect(pair.server.readOnce().0 == .bytes(4))
    }

    @Test("tells an announced end from a stream cut off (RFC 8446 section 6.1)")
    func tellsTruncation() throws {
        let announced = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        announced.client.write("all")
        announced.client.session.close()
        announced.client.flush()
        #expect(announced.server.readAll() == (Array("all".utf8), .ended))
        #expect(!announced.server.session.hasUnread)
        // The other direction stays open.
        #expect(announced.server.write([1]))
        #expect(announced.client.readAll().0 == [1])

        let cut = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        cut.client.write("some")
        cut.closeClientSocket()
        #expect(cut.server.readAll(edge: .end) == (Array("some".utf8), .truncated))
    }

    @Test("finds the end behind a short read once the reactor saw the FIN")
    func findsEndBehindBytes() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        pair.client.write("last")
        pair.closeClientSocket()

        pair.server.session.inputArrived(.end)
        #expect(pair.server.readOnce().0 == .bytes(4))
        #expect(pair.server.session.hasUnread)
        #expect(pair.server.readOnce().0 == .truncated)
    }

    @Test("breaks on a record that was tampered with, and stays broken")
    func breaks() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        #expect([UInt8]([1, 2, 3]).withUnsafeBytes { pair.client.session.write($0) })
        var record = Array(pair.client.output.bytes)
        pair.client.output.clear()
        record[record.count - 1] ^= 1
        #expect(send(pair.client.descriptor, record, record.count, 0) == record.count)

        let (bytes, reading) = pair.server.readAll()

        #expect(bytes.isEmpty)
        guard case .broken(let failure) = reading else {
            Issue.record("\(reading)")
            return
        }
        #expect(failure.cause == .protocolViolation)
        #expect(pair.server.readOnce().0 == reading)
        #expect(!pair.server.write([1]))
        // The alert went out (bad_record_mac, RFC 8446 section 6.2).
        guard case .broken(let seen) = pair.client.readAll().1 else {
            Issue.record("no alert arrived")
            return
        }
        #expect(seen.cause == .alert(20))
    }

    @Test("refuses to write after close, and is not broken by it")
    func refusesWriteAfterClose() throws {
        let pair = try TLSPair.connected(TestIdentities.server(), TestIdentities.client())
        pair.server.session.close()
        pair.server.session.close()
        #expect(!pair.server.write([1]))
        pair.client.write("still")
        #expect(pair.server.readText() == "still")
        #expect(pair.client.readAll() == ([], .ended))
    }
}
