import MeshHTTP

/// Bytes given to a parser, with what it made of them; frees its memory itself.
final class Parsed {
    let bytes: [UInt8]
    let fields = HeaderFieldBuffer.allocate()
    private(set) var request = RequestHead()
    private(set) var response = ResponseHead()
    private(set) var outcome = HeadParse.incomplete

    init(request text: String, limits: HeadLimits = HeadLimits()) {
        self.bytes = Array(text.utf8)
        self.readRequest(limits)
    }

    init(requestBytes: [UInt8]) {
        self.bytes = requestBytes
        self.readRequest(HeadLimits())
    }

    private func readRequest(_ limits: HeadLimits) {
        self.outcome = self.bytes.withUnsafeBytes { bytes in
            RequestHead.parseRequest(
                bytes,
                into: &self.request,
                fields: self.fields,
                limits: limits
            )
        }
    }

    init(responseBytes: [UInt8], head: Bool = false) {
        self.bytes = responseBytes
        self.outcome = self.bytes.withUnsafeBytes { bytes in
            ResponseHead.parseResponse(
                bytes,
                requestMethodIsHead: head,
                into: &self.response,
                fields: self.fields
            )
        }
    }

    convenience init(response text: String, head: Bool = false) {
        self.init(responseBytes: Array(text.utf8), head: head)
    }

    deinit { self.fields.deallocate() }

    func text(_ range: ByteRange) -> String {
        String(decoding: self.bytes[range.start..<range.end], as: UTF8.self)
    }

    var fault: HTTPFault? {
        if case .invalid(let fault) = self.outcome { return fault }
        return nil
    }

    var isComplete: Bool {
        if case .complete = self.outcome { return true }
        return false
    }

    /// Field lines of the request, `name|value|kind`.
    var lines: [String] {
        (0..<max(self.request.fieldCount, self.response.fieldCount)).map { index in
            let field = self.fields[index]
            return "\(self.text(field.name))|\(self.text(field.value))|\(field.kind)"
        }
    }
}

/// What `body` writes into a buffer of `capacity` bytes; nil after an overflow.
func written(_ capacity: Int = 8_192, _ body: (inout HeadWriter) -> Void) -> String? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
    defer { buffer.deallocate() }
    var writer = HeadWriter(buffer)
    body(&writer)
    return writer.written.map { String(decoding: $0, as: UTF8.self) }
}

/// Lets `body` see the text's bytes.
func withBytes<Result>(
    _ text: String,
    _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}
