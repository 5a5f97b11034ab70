import Foundation
import Testing

@testable import MeshTLS

/// `openssl s_server` on a port of its own choice.
final class OpenSSLServer {
    private let tool: Tool
    private let port: UInt16

    init(_ words: [String], in folder: URL) throws {
        self.tool = try Tool(
            ["openssl", "s_server", "-accept", "127.0.0.1:0"] + words,
            in: folder
        )
        // It says "ACCEPT 127.0.0.1:PORT" once it listens.
        var text = ""
        while !text.hasSuffix("\n") || !text.contains("ACCEPT") {
            let bytes = self.tool.read()
            guard !bytes.isEmpty else { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("ACCEPT") }
        let digits = line?.split(separator: ":").last.map(String.init)
        self.port = try #require(digits.flatMap { UInt16($0) }, "\(text)")
    }

    func stop() { self.tool.stop() }

    func connect(_ context: TLSClientContext, name: String) throws -> TLSEnd {
        let descriptor = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = self.port.bigEndian
        let isConnected = withUnsafePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                Glibc.connect(descriptor, place, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
        try #require(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        let output = TLSOutput()
        let session = Array(name.utf8).withUnsafeBytes {
            TLSSession.client(context, descriptor: descriptor, serverName: $0, output: output)
        }
        return TLSEnd(session: try #require(session), output: output, descriptor: descriptor)
    }

    func handshake(_ end: TLSEnd) -> TLSSession.Handshake {
        var outcome = end.handshake()
        while outcome == .wantsInput, LoopbackServer.waits(for: POLLIN, at: end.descriptor) {
            outcome = end.handshake()
        }
        return outcome
    }

    func read(_ end: TLSEnd, until mark: String) -> String {
        var text = end.readText()
        while !text.contains(mark), LoopbackServer.waits(for: POLLIN, at: end.descriptor) {
            let (bytes, reading) = end.readAll()
            text += String(decoding: bytes, as: UTF8.self)
            guard reading == .drained else { break }
        }
        return text
    }
}
