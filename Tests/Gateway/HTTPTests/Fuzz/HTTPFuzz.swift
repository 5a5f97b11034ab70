import MeshHTTP

/// What a fuzzer calls with any bytes: returns when all is well and traps when it is not.
///
/// Plain functions, so that CI replays a corpus through them without a fuzzer
/// (`Tests/Corpus/<target>`); a crashing input is added there with its repair.
enum HTTPFuzz {
    static let targets: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = [
        "request-head": requestHead,
        "response-head": responseHead,
        "chunked-body": chunkedBody,
        "proxy-header": proxyHeader,
        "trailers": trailers,
    ]

    private static let limits: HeadLimits = {
        var limits = HeadLimits()
        limits.fieldCount = 256
        limits.headByteCount = 65_000
        return limits
    }()

    private static func withRoom(_ body: (HeaderFieldBuffer, inout HeadWriter) -> Void) {
        let fields = HeaderFieldBuffer.allocate(capacity: 256)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer {
            fields.deallocate()
            room.deallocate()
        }
        var writer = HeadWriter(room)
        body(fields, &writer)
    }

    private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// What goes on for an accepted request is one request with the same framing.
    static func requestHead(_ bytes: UnsafeRawBufferPointer) {
        Self.withRoom { fields, writer in
            var head = RequestHead()
            guard
                case .complete(let consumed) = RequestHead.parseRequest(
                    bytes,
                    into: &head,
                    fields: fields
                )
            else { return }
            precondition(consumed <= bytes.count && head.fieldCount <= HeadLimits().fieldCount)
            var hop = ForwardedHeaders.Hop(
                peer: Self.bytes("192.0.2.7"),
                port: 80,
                upstreamHost: Self.bytes("up"),
                requestID: Self.bytes("0"),
                product: Self.bytes("meshgate/1")
            )
            hop.passesTrailers = true
            writer.write(head.methodName, of: bytes)
            writer.write(" ")
            if head.path.isEmpty { writer.write("/") }
            writer.write(escapingNonASCII: head.path.bytes(of: bytes))
            writer.write(head.query, of: bytes)
            writer.write(" HTTP/1.1\r\n")
            ForwardedHeaders.writeRequestFields(head, fields, from: bytes, hop: hop, into: &writer)
            guard let sent = writer.written, sent.count < 65_000 else { return }
            var again = RequestHead()
            let outcome = RequestHead.parseRequest(
                sent,
                into: &again,
                fields: fields,
                limits: Self.limits
            )
            guard outcome != .invalid(.startLineTooLong), outcome != .invalid(.headTooLarge) else {
                return
            }
            precondition(outcome == .complete(consumed: sent.count), "what goes on is one head")
            precondition(again.framing == head.framing, "its content ends where the client's does")
            precondition(again.declaredLength == head.declaredLength)
            precondition(again.upgrade == head.upgrade && again.keepAlive)
        }
    }

    /// What goes back for an accepted response is one response with the framing promised.
    static func responseHead(_ bytes: UnsafeRawBufferPointer) {
        for isHead in [false, true] {
            Self.withRoom { fields, writer in
                var head = ResponseHead()
                guard
                    case .complete(let consumed) = ResponseHead.parseResponse(
                        bytes,
                        requestMethodIsHead: isHead,
                        into: &head,
                        fields: fields
                    )
                else { return }
                precondition(consumed <= bytes.count && (100...999).contains(head.status))
                let framing = ForwardedHeaders.framingForClient(head, clientVersion: .http11)
                var hop = ForwardedHeaders.ReturnHop(
                    clientVersion: .http11,
                    keepsClient: true,
                    upstreamMilliseconds: 1,
                    proxyMilliseconds: 1,
                    requestID: Self.bytes("0"),
                    product: Self.bytes("meshgate/1")
                )
                hop.passesTrailers = true
                ForwardedHeaders.writeResponse(head, fields, from: bytes, hop: hop, into: &writer)
                guard let sent = writer.written, sent.count < 65_000 else { return }
                var again = ResponseHead()
                let outcome = ResponseHead.parseResponse(
                    sent,
                    requestMethodIsHead: isHead,
                    into: &again,
                    fields: fields,
                    limits: Self.limits
                )
                guard outcome != .invalid(.startLineTooLong), outcome != .invalid(.headTooLarge)
                else { return }
                precondition(
                    outcome == .complete(consumed: sent.count),
                    "what goes back is one head"
                )
                precondition(again.status == head.status && again.framing == framing)
            }
        }
    }

    private struct Body: Equatable {
        var content: [UInt8] = []
        var trailer: [UInt8] = []
        var end: Int?
        var fault: HTTPFault?
    }

    /// Pieces of any size decode to the same content, trailers, end and fault.
    static func chunkedBody(_ bytes: UnsafeRawBufferPointer) {
        let whole = Self.decoded(bytes, piece: max(1, bytes.count))
        for piece in [1, 2, 7] {
            precondition(Self.decoded(bytes, piece: piece) == whole, "pieces of \(piece)")
        }
        precondition(whole.trailer.count <= TrailerFields.byteCount)
        if whole.end != nil { whole.trailer.withUnsafeBytes { Self.trailers($0) } }
    }

    private static func decoded(_ bytes: UnsafeRawBufferPointer, piece: Int) -> Body {
        var decoder = ChunkedDecoder()
        var body = Body()
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let part = UnsafeRawBufferPointer(
                rebasing: bytes[start..<min(bytes.count, start + piece)]
            )
            var position = 0
            reading: while true {
                switch decoder.next(part, at: &position) {
                case .needMore: break reading
                case .data(let range): body.content += part[range]
                case .trailer(let range): body.trailer += part[range]
                case .end(let consumed):
                    body.end = start + consumed
                    return body
                case .invalid(let fault):
                    return Body(content: body.content, fault: fault)
                }
            }
        }
        return body
    }

    /// What passes is whole lines of allowed names, and passes again as it is.
    static func trailers(_ bytes: UnsafeRawBufferPointer) {
        Self.withRoom { _, writer in
            TrailerFields.write(from: bytes, into: &writer)
            guard let first = writer.written else { return }
            Self.withRoom { _, again in
                TrailerFields.write(from: first, into: &again)
                precondition(again.written.map { $0.elementsEqual(first) } ?? false)
            }
        }
    }

    /// A header is found once its last byte is there, and never before.
    static func proxyHeader(_ bytes: UnsafeRawBufferPointer) {
        guard case .found(let header) = ProxyProtocol.parse(bytes) else { return }
        precondition(header.consumed <= bytes.count)
        let exact = UnsafeRawBufferPointer(rebasing: bytes[..<header.consumed])
        precondition(ProxyProtocol.parse(exact) == .found(header))
        for count in 0..<header.consumed {
            let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
            precondition(ProxyProtocol.parse(part) == .incomplete, "after \(count) bytes")
        }
    }
}
