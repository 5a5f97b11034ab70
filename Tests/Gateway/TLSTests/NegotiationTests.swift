import Foundation
import Testing

@testable import MeshTLS

@Suite("A TLS handshake")
struct NegotiationTests {
    /// Both sides' view of the protocol, for an offer to a listener.
    private func isHTTP2(_ offer: [String], _ listener: TLSServerContext) throws -> [Bool] {
        let client = try TestIdentities.client { $0.protocols = offer }
        let pair = try TLSPair.connected(listener, client)
        return [pair.server.session.protocolIsHTTP2, pair.client.session.protocolIsHTTP2]
    }

    @Test("agrees on h2 or http/1.1 by our preference (RFC 7301 section 3.2)")
    func agrees() throws {
        let both = try TestIdentities.server()
        #expect(try self.isHTTP2(["http/1.1", "h2"], both) == [true, true])
        #expect(try self.isHTTP2(["http/1.1"], both) == [false, false])
        #expect(try self.isHTTP2([], both) == [false, false])
        let old = try TestIdentities.server { $0.offersHTTP2 = false }
        #expect(try self.isHTTP2(["h2", "http/1.1"], old) == [false, false])
    }

    @Test("refuses an offer without anything we speak, unless the bytes are a stream")
    func refusesProtocols() throws {
        let client = try TestIdentities.client { $0.protocols = ["smtp"] }
        let outcome = try TLSPair(TestIdentities.server(), client).handshake()
        guard case .failed(let ours) = outcome.server, case .failed(let theirs) = outcome.client
        else {
            Issue.record("the handshake went through")
            return
        }
        #expect(ours.cause == .applicationProtocol)
        #expect(theirs.cause == .alert(120))

        let stream = try TestIdentities.server { $0.application = .stream }
        #expect(try self.isHTTP2(["smtp"], stream) == [false, false])
        #expect(try self.isHTTP2(["h2"], stream) == [false, false])
    }

    @Test("speaks TLS 1.2 to a client that knows no newer one, unless told not to")
    func speaksOld() throws {
        let client = try TestIdentities.client { $0.maximumVersion = .tls12 }
        let pair = try TLSPair.connected(TestIdentities.server(), client, name: "a.test")
        #expect(pair.server.session.version == .tls12)
        #expect(pair.server.session.cipherName.hasPrefix("ECDHE-ECDSA-AES"))
        pair.client.write("ping")
        #expect(pair.server.readText() == "ping")

        let strict = try TestIdentities.server { $0.minimumVersion = .tls13 }
        guard case .failed(let failure) = try TLSPair(strict, client).handshake().server else {
            Issue.record("the handshake went through")
            return
        }
        #expect(failure.cause == .version)
    }

    /// What a listener says after `bytes` came from a client that then waits.
    private func verdict(on bytes: [UInt8]) throws -> (TLSFailure?, sent: [UInt8]) {
        let pair = try TLSPair(TestIdentities.server(), TestIdentities.client())
        #expect(send(pair.client.descriptor, bytes, bytes.count, 0) == bytes.count)
        pair.server.session.inputArrived()
        guard case .failed(let failure) = pair.server.session.handshake() else { return (nil, []) }
        #expect(pair.server.session.handshake() == .failed(failure), "it stays failed")
        return (failure, Array(pair.server.output.bytes))
    }

    @Test("tells a plain HTTP request from garbage, and answers no more than an alert")
    func tellsGarbage() throws {
        let plain = try self.verdict(on: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(plain.0?.cause == .plainHTTP)
        #expect(plain.0?.text == "http request")

        let garbage = try self.verdict(on: [UInt8](repeating: 0xA5, count: 300))
        #expect(garbage.0?.cause == .notTLS)
        #expect(garbage.sent.count <= 7)
    }

    @Test("fails when the peer goes away in the middle")
    func failsOnEnd() throws {
        let pair = try TLSPair(TestIdentities.server(), TestIdentities.client())
        #expect(pair.client.handshake() == .wantsInput)
        #expect(pair.server.handshake() == .wantsInput)
        pair.closeClientSocket()
        pair.server.session.inputArrived(.end)
        guard case .failed(let failure) = pair.server.session.handshake() else {
            Issue.record("the handshake goes on")
            return
        }
        #expect(failure.cause == .ended || failure.cause == .socket(ECONNRESET))
    }

    @Test("fails when a hello was changed on its way", arguments: UInt8(0)..<64)
    func refusesChange(seed: UInt8) throws {
        let pair = try TLSPair(TestIdentities.server(), TestIdentities.client(), name: "a.test")
        #expect(pair.client.session.handshake() == .wantsInput)
        var hello = Array(pair.client.output.bytes)
        pair.client.output.clear()
        for step in 1...3 {
            // Behind the record's header, which no check covers.
            let place = 5 + (Int(seed) * 31 + step * 97) % (hello.count - 5)
            hello[place] ^= seed &+ UInt8(step)
        }
        #expect(send(pair.client.descriptor, hello, hello.count, 0) == hello.count)

        #expect(pair.server.handshake() != .done)
        #expect(pair.handshake().server != .done)
    }

    @Test("goes on byte by byte")
    func drips() throws {
        let pair = try TLSPair(TestIdentities.server(), TestIdentities.client(), name: "a.test")
        #expect(pair.client.session.handshake() == .wantsInput)
        let hello = Array(pair.client.output.bytes)
        pair.client.output.clear()
        for byte in hello {
            #expect(pair.server.handshake() == .wantsInput)
            #expect(send(pair.client.descriptor, [byte], 1, 0) == 1)
        }
        #expect(pair.handshake().server == .done)
        #expect(pair.server.serverName == "a.test")
    }

    @Test("logs its secrets only where a descriptor is given (NSS key log format)")
    func logsKeys() throws {
        let pipe = Pipe()
        let log = pipe.fileHandleForWriting.fileDescriptor
        let pair = try TLSPair.connected(
            TestIdentities.server { $0.keyLog = log },
            TestIdentities.client { $0.keyLog = log }
        )
        #expect(pair.server.session.version == .tls13)
        try pipe.fileHandleForWriting.close()

        let text = String(
            decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(),
            as: UTF8.self
        )
        let lines = text.split(separator: "\n")

        // Five secrets (RFC 8446 section 7.1) by each side, the same.
        #expect(lines.count == 10)
        #expect(Set(lines).count == 5)
        #expect(lines.allSatisfy { $0.split(separator: " ").count == 3 })
    }
}
