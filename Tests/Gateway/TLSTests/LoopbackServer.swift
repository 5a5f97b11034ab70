import Foundation
import Synchronization
import Testing

@testable import MeshTLS

/// A listener on 127.0.0.1 that answers one request per connection, for peers of other makes.
///
/// Every wait ends after ten seconds.
final class LoopbackServer: Sendable {
    /// What one connection has shown.
    struct Facts: Sendable {
        var handshake: TLSSession.Handshake
        var version: TLSSession.Version
        var cipher: String
        var serverName: String
        var isResumed: Bool
        var isHTTP2: Bool
        var hasPeerCertificate: Bool
        var request: String
    }

    static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes"

    let port: Int
    private let listener: Int32
    private let context: TLSServerContext
    private let facts = Mutex<[Facts]>([])

    init(_ context: TLSServerContext) throws {
        self.context = context
        self.listener = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = self.listener
        let isBound = withUnsafeMutablePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                bind(listener, place, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, place, &length) == 0
            }
        }
        try #require(isBound)
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(self.listener) }

    /// Serves `count` connections while `body` runs, and tells what they were.
    func serve(_ count: Int, while body: () throws -> Void) throws -> [Facts] {
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let output = TLSOutput()
            for _ in 0..<count {
                guard Self.waits(for: POLLIN, at: self.listener) else { break }
                let descriptor = accept(self.listener, nil, nil)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let seen = self.serve(descriptor, output)
                close(descriptor)
                if let seen { self.facts.withLock { $0.append(seen) } }
            }
            isDone.signal()
        }
        try body()
        isDone.wait()
        return self.facts.withLock { $0 }
    }

    private func serve(_ descriptor: Int32, _ output: TLSOutput) -> Facts? {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        guard
            let session = TLSSession.server(self.context, descriptor: descriptor, output: output)
        else { return nil }
        defer { session.free() }
        let end = TLSEnd(session: session, output: output, descriptor: descriptor)
        var handshake = end.handshake()
        while handshake == .wantsInput, Self.waits(for: POLLIN, at: descriptor) {
            handshake = end.handshake()
        }
        var request: [UInt8] = []
        if handshake == .done {
            request = Self.read(end)
            if !request.isEmpty { end.write(Self.answer) }
            session.close()
            end.flush()
        }
        shutdown(descriptor, Int32(SHUT_WR))
        _ = Self.waits(for: POLLIN, at: descriptor)
        return Facts(
            handshake: handshake,
            version: session.version,
            cipher: session.cipherName,
            serverName: end.serverName,
            isResumed: session.isResumed,
            isHTTP2: session.protocolIsHTTP2,
            hasPeerCertificate: session.hasPeerCertificate,
            request: String(decoding: request, as: UTF8.self)
        )
    }

    private static func read(_ end: TLSEnd) -> [UInt8] {
        while true {
            let (bytes, reading) = end.readAll()
            if !bytes.isEmpty { return bytes }
            guard reading == .drained, Self.waits(for: POLLIN, at: end.descriptor) else {
                return []
            }
        }
    }

    static func waits(for events: Int32, at descriptor: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&watched, 1, 10_000) > 0
    }
}
