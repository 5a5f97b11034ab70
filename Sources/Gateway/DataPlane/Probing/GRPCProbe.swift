internal import MeshHTTP
internal import MeshHealth

/// One call of `grpc.health.v1.Health/Check` for the whole server.
///
/// Source: "GRPC Health Checking Protocol" of the gRPC project; statuses as
/// ``ProbeResult/Outcome/status(_:)`` says.
final class GRPCProbe {
    /// Bytes of the answer that are kept: one message of one small field.
    private static let messageLimit = 64
    /// An empty `HealthCheckRequest` behind the five bytes that stand before every message.
    private static let request: [UInt8] = [0, 0, 0, 0, 0]
    /// A `HealthCheckResponse` of status 1, SERVING.
    private static let serving: [UInt8] = [0, 0, 0, 0, 2, 0x08, 1]
    private static let statusName: StaticString = "grpc-status"

    private let host: String
    private var session: HTTP2Session?
    private var stream: Int32 = 0
    private var status: UInt16 = 0
    private var callStatus: Int?
    private var message: [UInt8] = []

    init(host: String) { self.host = host }

    /// Makes the call once the link is open; `false` when there is no memory.
    func begin(isSecure: Bool) -> Bool {
        guard let session = HTTP2Session(role: .client) else { return false }
        self.session = session
        let head =
            "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: \(self.host)\r\n"
            + "Content-Type: application/grpc\r\nTE: trailers\r\nUser-Agent: meshgate-probe\r\n\r\n"
        let stream = Array(head.utf8).withUnsafeBytes {
            session.submitRequest(head: $0, isSecure: isSecure, endsStream: false)
        }
        guard let stream else { return false }
        self.stream = stream
        return Self.request.withUnsafeBytes { session.send($0, on: stream, endsStream: true) }
    }

    /// Frames to send; empty when there are none.
    var output: UnsafeRawBufferPointer {
        self.session?.output ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Drops the first bytes of ``output``, which were sent.
    func dropOutput(_ count: Int) { self.session?.dropOutput(count) }

    /// Takes in bytes; `nil` while the call has not ended.
    func receive(
        _ bytes: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer,
        milliseconds: Int64
    ) -> ProbeResult.Outcome? {
        guard let session = self.session else { return .broken }
        let fault = session.receive(bytes, now: UInt64(max(0, milliseconds)))
        while let event = session.nextEvent() {
            guard event.stream == self.stream else { continue }
            if let outcome = self.take(event, of: session, fields) { return outcome }
        }
        return fault == nil && !session.isFinished ? nil : .broken
    }

    private func take(
        _ event: HTTP2Event,
        of session: HTTP2Session,
        _ fields: HeaderFieldBuffer
    ) -> ProbeResult.Outcome? {
        switch event.kind {
        case .head(let head):
            guard head.fault == nil, self.read(head.text, fields) else { return .broken }
        case .data(let bytes):
            self.message.append(contentsOf: bytes.prefix(Self.messageLimit - self.message.count))
            session.consume(bytes.count, on: event.stream)
        case .trailers(let lines): self.callStatus = Self.callStatus(in: lines) ?? self.callStatus
        case .end: return self.outcome
        case .closed: return .broken
        case .drained, .goaway, .settings, .settingsAcknowledged, .pong: break
        }
        return nil
    }

    /// Reads a head; an answer without a message has its `grpc-status` there.
    private func read(_ text: UnsafeRawBufferPointer, _ fields: HeaderFieldBuffer) -> Bool {
        var head = ResponseHead()
        let parsed = ResponseHead.parseResponse(
            text,
            requestMethodIsHead: false,
            into: &head,
            fields: fields
        )
        guard case .complete = parsed else { return false }
        guard !head.isInterim else { return true }
        self.status = head.status
        self.callStatus = Self.callStatus(in: text)
        return true
    }

    /// The `grpc-status` among lines `name: value CRLF` with names in lower case.
    private static func callStatus(in lines: UnsafeRawBufferPointer) -> Int? {
        for line in lines.split(whereSeparator: { $0 == 0x0D || $0 == 0x0A }) {
            let sides = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard sides.count == 2,
                sides[0].elementsEqual(
                    UnsafeBufferPointer(
                        start: Self.statusName.utf8Start,
                        count: Self.statusName.utf8CodeUnitCount
                    )
                )
            else { continue }
            let digits = sides[1].drop { $0 == UInt8(ascii: " ") }
            return Int(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }

    private var outcome: ProbeResult.Outcome {
        guard self.status == 200 else { return .status(self.status) }
        switch self.callStatus {
        case nil: return .broken
        case 0: return .status(self.message == Self.serving ? 200 : 503)
        case 12: return .status(501)
        default: return .status(503)
        }
    }
}
