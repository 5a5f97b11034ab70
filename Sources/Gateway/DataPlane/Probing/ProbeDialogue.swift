internal import MeshHTTP
internal import MeshHealth

/// What one check says to its target and hears from it, whatever the link.
enum ProbeDialogue {
    /// A connection is all that is wanted.
    case none
    case http(HTTPProbe)
    case grpc(GRPCProbe)

    /// The dialogue of a check.
    init(_ check: ProbeRequest.Check) {
        switch check {
        case .tcp: self = .none
        case .http(let path, let host, let headers), .https(let path, let host, let headers, _):
            self = .http(HTTPProbe(path: path, host: host, headers: headers))
        case .grpc(let host, _): self = .grpc(GRPCProbe(host: host))
        }
    }
}

/// One `GET` whose response head is all that matters.
struct HTTPProbe {
    /// A response head that is longer is no answer.
    private static let headLimit = 61_440
    /// What is sent.
    let head: [UInt8]
    private var input: [UInt8] = []

    /// Kong's later library sends HTTP/1.1, too: 1.0 is refused by some servers.
    init(path: String, host: String, headers: [ProbeField]) {
        var text = "GET \(path.isEmpty ? "/" : path) HTTP/1.1\r\nHost: \(host)\r\n"
        text += "Connection: close\r\nUser-Agent: meshgate-probe\r\n"
        for field in headers { text += "\(field.name): \(field.value)\r\n" }
        self.head = Array((text + "\r\n").utf8)
    }

    /// Takes in bytes; `nil` while the final head is not complete.
    mutating func receive(
        _ bytes: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer
    ) -> ProbeResult.Outcome? {
        guard self.input.count + bytes.count <= Self.headLimit else { return .broken }
        self.input.append(contentsOf: bytes)
        return self.input.withUnsafeBytes { bytes in
            var start = 0
            var head = ResponseHead()
            while true {
                let parsed = ResponseHead.parseResponse(
                    UnsafeRawBufferPointer(rebasing: bytes[start...]),
                    requestMethodIsHead: false,
                    into: &head,
                    fields: fields
                )
                switch parsed {
                case .incomplete: return nil
                case .invalid: return .broken
                case .complete(let consumed):
                    guard head.isInterim else { return .status(head.status) }
                    start += consumed
                }
            }
        }
    }
}
