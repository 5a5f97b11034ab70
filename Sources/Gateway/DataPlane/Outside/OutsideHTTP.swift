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

    /// Sends a whole request and reads the answer; nil when that fails, or does not end in time.
    ///
    /// With a body of more than `byteLimit` bytes, the connection is given up.
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
            case .incomplete: guard self.more(until: deadline) else { return nil }
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

    private func more(until deadline: Int64) -> Bool {
        let left = deadline - Self.now()
        guard left > 0 else { return false }
        return self.connection?.receive(into: &self.unread, milliseconds: left) ?? false
    }

    /// The body as far as it is read; the connection is kept only if its end is known.
    private func body(
        _ head: ResponseHead,
        until deadline: Int64,
        _ byteLimit: Int
    ) -> [UInt8] {
        switch head.framing {
        case .none: break
        case .length(let count) where count <= UInt64(byteLimit):
            while UInt64(self.unread.count) < count {
                guard self.more(until: deadline) else {
                    self.connection = nil
                    return []
                }
            }
            let body = Array(self.unread.prefix(Int(count)))
            self.unread.removeFirst(body.count)
            if !head.keepAlive { self.connection = nil }
            return body
        case .length, .chunked, .untilClose: self.connection = nil
        }
        if !head.keepAlive { self.connection = nil }
        return []
    }
}
