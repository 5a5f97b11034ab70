import Foundation
import Testing

@testable import MeshTLS

/// One end of a connection, driven by hand.
final class TLSEnd {
    let session: TLSSession
    let output: TLSOutput
    let descriptor: Int32
    private(set) var pending: [UInt8] = []
    /// Bytes of the largest single hand-over of gathered records.
    private(set) var largestOutput = 0

    init(session: TLSSession, output: TLSOutput, descriptor: Int32) {
        self.session = session
        self.output = output
        self.descriptor = descriptor
    }

    /// Sends what the socket takes.
    func flush() {
        self.largestOutput = max(self.largestOutput, self.output.bytes.count)
        self.pending += self.output.bytes
        self.output.clear()
        while !self.pending.isEmpty {
            let sent = send(self.descriptor, self.pending, self.pending.count, Int32(MSG_NOSIGNAL))
            guard sent > 0 else { return }
            self.pending.removeFirst(sent)
        }
        self.pending = []
    }

    func handshake() -> TLSSession.Handshake {
        self.session.inputArrived()
        let outcome = self.session.handshake()
        self.flush()
        return outcome
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        let isWritten = bytes.withUnsafeBytes { self.session.write($0) }
        self.flush()
        return isWritten
    }

    func write(_ text: String) { self.write(Array(text.utf8)) }

    /// One read without a new edge.
    func readOnce(limit: Int = 65_536) -> (TLSSession.Reading, [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: limit)
        let reading = bytes.withUnsafeMutableBytes { room -> TLSSession.Reading in
            guard let start = room.baseAddress else { return .drained }
            return self.session.read(into: start, limit: limit)
        }
        self.flush()
        guard case .bytes(let count) = reading else { return (reading, []) }
        return (reading, Array(bytes.prefix(count)))
    }

    /// Reads until nothing comes any more: the bytes, and what came after them.
    func readAll(edge: TLSSession.Edge = .readable) -> ([UInt8], TLSSession.Reading) {
        self.session.inputArrived(edge)
        var all: [UInt8] = []
        while true {
            let (reading, bytes) = self.readOnce()
            guard case .bytes = reading else { return (all, reading) }
            all += bytes
        }
    }

    func readText() -> String { String(decoding: self.readAll().0, as: UTF8.self) }

    var serverName: String { String(decoding: self.session.serverName, as: UTF8.self) }

    /// Digest of the certificate that the peer shows.
    var peerDigest: String? {
        let digest = self.session.peerCertificate?.digest
        let text = self.session.peerCertificatePEM
        precondition(text.flatMap { TLSCertificate.chain(pem: $0)?.first?.digest } == digest)
        return digest
    }
}

/// A server and a client on two ends of one socket pair.
final class TLSPair {
    let server: TLSEnd
    let client: TLSEnd
    private var isServerOpen = true
    private var isClientOpen = true

    init(
        _ serverContext: TLSServerContext,
        _ clientContext: TLSClientContext,
        name: String = "",
        resuming: TLSResumption? = nil,
        outputs: (TLSOutput, TLSOutput) = (TLSOutput(), TLSOutput())
    ) throws {
        var ends: [Int32] = [0, 0]
        // Tools that other tests start at the same time must not inherit an end and hold it open.
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        for end in ends { try #require(fcntl(end, F_SETFL, O_NONBLOCK) == 0) }
        let server = TLSSession.server(serverContext, descriptor: ends[0], output: outputs.0)
        let client = Array(name.utf8).withUnsafeBytes {
            TLSSession.client(clientContext, descriptor: ends[1], serverName: $0, output: outputs.1)
        }
        self.server = TLSEnd(session: try #require(server), output: outputs.0, descriptor: ends[0])
        self.client = TLSEnd(session: try #require(client), output: outputs.1, descriptor: ends[1])
        if let resuming { self.client.session.resume(with: resuming) }
    }

    deinit {
        self.server.session.free()
        self.client.session.free()
        if self.isServerOpen { Glibc.close(self.server.descriptor) }
        if self.isClientOpen { Glibc.close(self.client.descriptor) }
    }

    func closeServerSocket() {
        // Before `exec`, a tool still holds a copy: the end has to show at once all the same.
        shutdown(self.server.descriptor, Int32(SHUT_RDWR))
        Glibc.close(self.server.descriptor)
        self.isServerOpen = false
    }

    func closeClientSocket() {
        shutdown(self.client.descriptor, Int32(SHUT_RDWR))
        Glibc.close(self.client.descriptor)
        self.isClientOpen = false
    }

    /// What both sides say once nobody can go on.
    @discardableResult
    func handshake() -> (server: TLSSession.Handshake, client: TLSSession.Handshake) {
        var server = TLSSession.Handshake.wantsInput
        var client = TLSSession.Handshake.wantsInput
        for _ in 0..<20 {
            client = self.client.handshake()
            server = self.server.handshake()
            if server != .wantsInput, client != .wantsInput { break }
        }
        return (server, client)
    }

    /// A pair that has shaken hands.
    static func connected(
        _ server: TLSServerContext,
        _ client: TLSClientContext,
        name: String = "",
        resuming: TLSResumption? = nil
    ) throws -> TLSPair {
        let pair = try TLSPair(server, client, name: name, resuming: resuming)
        let outcome = pair.handshake()
        try #require(outcome.server == .done)
        try #require(outcome.client == .done)
        return pair
    }
}
