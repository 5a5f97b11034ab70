internal import CMeshSystem
internal import MeshHTTP
internal import MeshPlugins

/// A kept connection to a server outside that a thread asks by HTTP/1.1, one request at a time.
final class OutsideHTTP: Sendable {
    private let endpoint: HTTPLogEndpoint
    private let security: OutsideSecurity?
    /// Touched by whoever has taken it out for a question, as the bytes below.
    private nonisolated(unsafe) var connection: OutsideConnection?
    private nonisolated(unsafe) var unread: [UInt8] = []

    init(_ endpoint: HTTPLogEndpoint) {
        self.endpoint = endpoint
        self.security = endpoint.security.flatMap(OutsideSecurity.init)
    }

    /// Sends a whole request and reads the answer; nil when no head comes in time.
    ///
    /// With a body of more than `byteLimit` bytes, or one that is not whole in time, the answer has none,
    /// and the connection is given up.
    ///
    /// A kept connection that has ended is begun anew first.
    func ask(_ request: [UInt8], milliseconds: Int64, byteLimit: Int) -> OutsideAnswer? {
        let deadline = Self.now() + milliseconds
        if self.connection?.hasEnded() ?? true {
            guard self.endpoint.security == nil || self.security != nil else { return nil }
            self.connection = OutsideConnection(
                self.endpoint.host,
                self.endpoint.port,
                security: self.security,
                milliseconds: milliseconds
            )
            self.unread = []
        }
        let left = deadline - Self.now()
        guard left > 0, self.connection?.send(request, milliseconds: left) == true,
            let answer = self.receive(until: deadline, byteLimit)
        else {
            self.connection = nil
            return nil
        }
        return answer
    }

    private static func now() -> Int64 { mesh_clock_nanoseconds() / 1_000_000 }

    private func receive(until deadline: Int64, _ byteLimit: Int) -> OutsideAnswer? {
        let fields = HeaderFieldBuffer.allocate()
        defer { fields.deallocate() }
        var head = ResponseHead()
        while true {
            let parse = self.unread.withUnsafeBytes { bytes in
                ResponseHead.parseResponse(
                    bytes,
                    requestMethodIsHead: false,
                    into: &head,
                    fields: fields
                )
            }
            switch parse {
            case .invalid: return nil
            case .incomplete: guard self.more(until: deadline) == .bytes else { return nil }
            case .complete(let consumed):
                let listed = self.unread.withUnsafeBytes { bytes in
                    (0..<head.fieldCount).map { index in
                        let field = fields[index]
                        return OutsideAnswer.Field(
                            name: Array(field.name.bytes(of: bytes)),
                            value: Array(field.value.bytes(of: bytes))
                        )
                    }
                }
                self.unread.removeFirst(consumed)
                if head.isInterim { continue }
                return OutsideAnswer(
                    status: head.status,
                    fields: listed,
                    body: self.body(head, until: deadline, byteLimit)
                )
            }
        }
    }

    private func more(until deadline: Int64) -> OutsideConnection.Arrival {
        let left = deadline - Self.now()
        guard left > 0 else { return .nothing }
        return self.connection?.receive(into: &self.unread, milliseconds: left) ?? .nothing
    }

    /// The whole body; nil when it is too long, or does not end as it should, in time.
    ///
    /// The connection is kept only if the answer's end is known, and nothing came behind it.
    private func body(
        _ head: ResponseHead,
        until deadline: Int64,
        _ byteLimit: Int
    ) -> [UInt8]? {
        let body: [UInt8]? =
            switch head.framing {
            case .none: []
            case .length(let count): self.body(of: count, until: deadline, byteLimit)
            case .chunked: self.chunks(until: deadline, byteLimit)
            case .untilClose: self.rest(until: deadline, byteLimit)
            }
        if body == nil || !head.keepAlive || head.framing == .untilClose || !self.unread.isEmpty {
            self.connection = nil
        }
        return body
    }

    private func body(
        of count: UInt64,
        until deadline: Int64,
        _ byteLimit: Int
    ) -> [UInt8]? {
        guard count <= UInt64(byteLimit) else { return nil }
        while UInt64(self.unread.count) < count {
            guard self.more(until: deadline) == .bytes else { return nil }
        }
        let body = Array(self.unread.prefix(Int(count)))
        self.unread.removeFirst(body.count)
        return body
    }

    /// What comes until the connection ends in order.
    private func rest(until deadline: Int64, _ byteLimit: Int) -> [UInt8]? {
        while self.unread.count <= byteLimit {
            switch self.more(until: deadline) {
            case .bytes: continue
            case .nothing: return nil
            case .ended:
                defer { self.unread = [] }
                return self.unread
            }
        }
        return nil
    }

    private func chunks(until deadline: Int64, _ byteLimit: Int) -> [UInt8]? {
        var decoder = ChunkedDecoder()
        var body: [UInt8] = []
        while true {
            let taken = self.unread.withUnsafeBytes { Self.take($0, &decoder, &body, byteLimit) }
            guard let taken else { return nil }
            self.unread.removeFirst(taken)
            if decoder.hasEnded { return body }
            guard self.more(until: deadline) == .bytes else { return nil }
        }
    }

    /// Appends the content of some bytes of chunks; how many were taken, or nil for what is too long or
    /// damaged.
    private static func take(
        _ bytes: UnsafeRawBufferPointer,
        _ decoder: inout ChunkedDecoder,
        _ body: inout [UInt8],
        _ byteLimit: Int
    ) -> Int? {
        var position = 0
        while true {
            switch decoder.next(bytes, at: &position) {
            case .needMore: return position
            case .data(let range):
                guard body.count + range.count <= byteLimit else { return nil }
                body += bytes[range]
            case .trailer: continue
            case .end(let consumed): return consumed
            case .invalid: return nil
            }
        }
    }
}
