import CMeshSystem
import Glibc
import MeshTLS
import Synchronization

/// A blocking TLS connection of a test; every wait ends after ten seconds.
final class TLSSocket: TestStream {
    let kept = KeptBytes()
    /// How the handshake ended.
    let handshake: TLSSession.Handshake
    private let socket: StreamSocket
    private nonisolated(unsafe) let session: TLSSession
    private nonisolated(unsafe) let output: TLSOutput
    /// One thread at a time is in the session, and one sends.
    private let inSession = Mutex<Void>(())
    private let isSending = Mutex<Void>(())
    private let end = Mutex<TLSSession.Reading?>(nil)

    /// Shakes hands as a client, and sends `first` together with the last message of the handshake,
    /// in segments of at most `segment` bytes.
    convenience init(
        _ socket: StreamSocket,
        _ context: TLSClientContext,
        name: String,
        resuming: TLSResumption? = nil,
        first: [UInt8] = [],
        segment: Int = .max
    ) {
        let output = TLSOutput()
        let session = Array(name.utf8).withUnsafeBytes {
            TLSSession.client(
                context,
                descriptor: socket.descriptor,
                serverName: $0,
                output: output
            )
        }
        guard let session else { fatalError("OpenSSL takes no client") }
        if let resuming { session.resume(with: resuming) }
        self.init(socket, session, output, first: first, segment: segment)
    }

    /// Shakes hands as a server.
    convenience init(_ socket: StreamSocket, _ context: TLSServerContext) {
        let output = TLSOutput()
        let session = TLSSession.server(context, descriptor: socket.descriptor, output: output)
        guard let session else { fatalError("OpenSSL takes no server") }
        self.init(socket, session, output)
    }

    private init(
        _ socket: StreamSocket,
        _ session: TLSSession,
        _ output: TLSOutput,
        first: [UInt8] = [],
        segment: Int = .max
    ) {
        self.socket = socket
        self.session = session
        self.output = output
        _ = fcntl(socket.descriptor, F_SETFL, fcntl(socket.descriptor, F_GETFL) | O_NONBLOCK)
        var outcome = session.handshake()
        while outcome == .wantsInput {
            Self.send(output.bytes, socket)
            output.clear()
            guard Self.waits(for: POLLIN, socket) else { break }
            session.inputArrived()
            outcome = session.handshake()
        }
        if outcome == .done { _ = first.withUnsafeBytes { session.write($0) } }
        Self.send(output.bytes, socket, segment: segment)
        output.clear()
        self.handshake = outcome
    }

    deinit { self.session.free() }

    var isOpen: Bool { self.handshake == .done }
    /// Whether HTTP/2 was agreed on.
    var isHTTP2: Bool { self.session.protocolIsHTTP2 }
    var isResumed: Bool { self.session.isResumed }
    /// Digest of the certificate that the peer has shown.
    var peerDigest: String? { self.session.peerCertificate?.digest }
    /// Name that the client has asked for.
    var serverName: String { String(decoding: self.session.serverName, as: UTF8.self) }
    /// What reading ended with: the peer's close_notify, a bare end, or a failure.
    var ending: TLSSession.Reading? { self.end.withLock { $0 } }

    /// A session to be resumed by a later connection.
    func takeSession() -> TLSResumption? {
        self.inSession.withLock { _ in self.session.takeSession() }
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        self.isSending.withLock { _ in
            let records = self.inSession.withLock { _ -> [UInt8]? in
                let isWritten = bytes.withUnsafeBytes { self.session.write($0) }
                defer { self.output.clear() }
                return isWritten ? Array(self.output.bytes) : nil
            }
            guard let records else { return false }
            return records.withUnsafeBytes { Self.send($0, self.socket) }
        }
    }

    func readMore(limit: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        while true {
            let (reading, records) = self.inSession.withLock { _ in
                let reading = bytes.withUnsafeMutableBytes { room -> TLSSession.Reading in
                    guard let start = room.baseAddress else { return .drained }
                    return self.session.read(into: start, limit: limit)
                }
                defer { self.output.clear() }
                return (reading, Array(self.output.bytes))
            }
            _ = records.withUnsafeBytes { Self.send($0, self.socket) }
            switch reading {
            case .bytes(let count): return Array(bytes.prefix(count))
            case .drained:
                guard Self.waits(for: POLLIN, self.socket) else { return nil }
                self.inSession.withLock { _ in self.session.inputArrived(.readable) }
            case .ended, .truncated, .broken:
                self.end.withLock { $0 = reading }
                return nil
            }
        }
    }

    /// Says that nothing follows (close_notify).
    func close() {
        let records = self.inSession.withLock { _ in
            self.session.close()
            defer { self.output.clear() }
            return Array(self.output.bytes)
        }
        _ = records.withUnsafeBytes { Self.send($0, self.socket) }
    }

    /// Ends the TCP connection without close_notify.
    func shutdownBare() { self.socket.shutdown() }

    @discardableResult
    private static func send(
        _ bytes: UnsafeRawBufferPointer,
        _ socket: StreamSocket,
        segment: Int = .max
    ) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            // What is sent apart arrives apart.
            if rest.count < bytes.count, segment < .max { usleep(2_000) }
            let count = mesh_send(socket.descriptor, rest.baseAddress, min(segment, rest.count))
            if count == -Int(EAGAIN) {
                guard Self.waits(for: POLLOUT, socket) else { return false }
                continue
            }
            guard count > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }

    private static func waits(for events: Int32, _ socket: StreamSocket) -> Bool {
        var watched = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        return poll(&watched, 1, 10_000) > 0
    }
}
