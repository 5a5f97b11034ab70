import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One HTTP/1.1 request on a connection of its own.
struct HTTPExchange: Sendable {
    /// The largest answer that is read whole, a backup's: 256 MiB.
    static let maximumBodyByteCount = 256 << 20

    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    let address: AdminAddress
    var security = AdminClientSecurity.none
    let method: HTTPMethod
    let path: String
    var headers: [(String, String)] = []
    var body: [UInt8] = []

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    /// Sends the request and reads the whole answer.
    func answer(timeout: Duration) async throws -> Answer {
        var answer = Answer(status: 0, body: [])
        try await self.read(timeout: timeout) { status in
            answer.status = status
            return true
        } piece: { bytes in
            guard answer.body.count + bytes.count <= Self.maximumBodyByteCount else {
                throw AdminClientError.unexpected(
                    address: self.address.authority,
                    reason: "the answer is larger than 256 MiB"
                )
            }
            answer.body.append(contentsOf: bytes)
        }
        return answer
    }

    /// Sends the request and hands on the answer as it comes; `head` says whether to go on.
    ///
    /// The answer alone decides how it ends: a server that has answered may close before the
    /// writer learns that its last bytes went out, and that is no failure.
    ///
    /// - Throws: `ChannelError.connectTimeout` when no connection, or no answer, begins in `timeout`.
    func read(
        timeout: Duration,
        head: (Int) throws -> Bool,
        piece: ([UInt8]) async throws -> Void
    ) async throws {
        let connection = try await self.connect(timeout: timeout)
        let isLate = Flag()
        let channel = connection.channel
        try await connection.executeThenClose { inbound, outbound in
            let watch = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
                isLate.value.store(true, ordering: .relaxed)
                channel.close(promise: nil)
            }
            defer { watch.cancel() }
            var failure: any Error = ChannelError.eof
            do {
                try await outbound.write(contentsOf: self.requestParts)
            } catch {
                failure = error
            }
            for try await part in inbound {
                switch part {
                case .head(let response):
                    watch.cancel()
                    guard try head(Int(response.status.code)) else { return }
                case .body(let buffer): try await piece(Array(buffer.readableBytesView))
                case .end: return
                }
            }
            try Task.checkCancellation()
            if isLate.value.load(ordering: .relaxed) {
                throw ChannelError.connectTimeout(TimeAmount(timeout))
            }
            throw failure
        }
    }

    private func connect(timeout: Duration) async throws -> Connection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(timeout))
        switch self.address.place {
        case .host(let host, let port):
            return try await bootstrap.connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if self.address.isSecure {
                        guard let session = self.security.session(name: host) else {
                            throw TLSRefusal(reason: "\(host) is no name of a server")
                        }
                        try channel.pipeline.syncOperations.addHandler(TLSClientLayer(session))
                    }
                    return try Self.connection(over: channel)
                }
            }
        case .socket(let path):
            return try await bootstrap.connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture { try Self.connection(over: channel) }
            }
        }
    }

    private static func connection(over channel: any Channel) throws -> Connection {
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        return try Connection(wrappingChannelSynchronously: channel)
    }

    private var requestParts: [HTTPClientRequestPart] {
        let body = IOData.byteBuffer(ByteBuffer(bytes: self.body))
        return [.head(self.requestHead)] + (self.body.isEmpty ? [] : [.body(body)]) + [.end(nil)]
    }

    /// A unix socket has no name; the server wants one.
    private var hostField: String {
        if case .socket = self.address.place { "localhost" } else { self.address.authority }
    }

    private var requestHead: HTTPRequestHead {
        var fields = HTTPHeaders()
        fields.add(name: "Host", value: self.hostField)
        fields.add(name: "Connection", value: "close")
        fields.add(name: "User-Agent", value: "meshctl")
        if let token = self.security.token {
            fields.add(name: "Authorization", value: "Bearer \(token)")
        }
        if self.method == .POST {
            fields.add(name: "Content-Length", value: String(self.body.count))
        }
        for (name, value) in self.headers { fields.add(name: name, value: value) }
        return HTTPRequestHead(
            version: .http1_1,
            method: self.method,
            uri: self.path,
            headers: fields
        )
    }
}

/// One word that two threads share.
private final class Flag: Sendable {
    let value = Atomic(false)
}
