internal import COpenSSL

/// What one session keeps beside OpenSSL's own object; reached from callbacks by pointer.
struct SessionState {
    let ssl: OpaquePointer
    let descriptor: Int32
    let output: UnsafeMutablePointer<GatheredBytes>
    /// The context, kept alive until the session is freed.
    let context: Unmanaged<AnyObject>

    /// The socket had no more bytes at the last look, and no edge came since.
    var isDrained = false
    /// The reactor saw the peer's FIN: a short read does not mean drained any more.
    var seesEnd = false
    /// The stream of bytes has ended.
    var isAtEnd = false
    /// The BIO had nothing to give during the current call.
    var isStarved = false
    /// Nothing can come out of ``TLSSession/read(into:limit:)`` before the next edge.
    var isExhausted = false
    /// The handshake is done.
    var isEstablished = false
    /// The socket's errno, 0 while it is well.
    var socketError: Int32 = 0
    /// Why the session cannot go on, once it cannot.
    var end: SessionEnd?
    /// The newest session to resume (client side), owned.
    var resumption: OpaquePointer?

    private var name: UnsafeMutableRawPointer?
    private var nameCount = 0

    init(
        ssl: OpaquePointer,
        descriptor: Int32,
        output: UnsafeMutablePointer<GatheredBytes>,
        context: Unmanaged<AnyObject>
    ) {
        self.ssl = ssl
        self.descriptor = descriptor
        self.output = output
        self.context = context
    }

    /// The state that belongs to OpenSSL's session.
    static func of(_ ssl: OpaquePointer) -> UnsafeMutablePointer<SessionState>? {
        SSL_get_ex_data(ssl, 0)?.assumingMemoryBound(to: SessionState.self)
    }

    /// The server name in lower case; empty when the client gave none.
    var serverName: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.name, count: self.nameCount)
    }

    /// Keeps a name in lower case; a later one (after a retry of the hello) replaces it.
    mutating func noteName(_ bytes: UnsafeRawBufferPointer) {
        self.forgetName()
        guard !bytes.isEmpty, bytes.count <= ServerNames.nameByteLimit else { return }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        for (index, byte) in bytes.enumerated() { copy[index] = byte.lowercased }
        self.name = copy.baseAddress
        self.nameCount = copy.count
    }

    mutating func forgetName() {
        self.name?.deallocate()
        self.name = nil
        self.nameCount = 0
    }
}

/// How a session came to its end.
enum SessionEnd {
    /// The peer said that nothing follows (close_notify).
    case closed
    /// The stream ended without that: the last bytes may have been cut off.
    case truncated
    case failed(TLSFailure)
}

extension UInt8 {
    /// The ASCII letter in lower case; any other byte as it is.
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
