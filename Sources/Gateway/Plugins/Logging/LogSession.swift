/// What Kong's log plugins tell of a connection, or of a client's datagrams, beside what they tell of
/// requests.
///
/// Source: Kong 3.9, `kong/pdk/log.lua`, of the subsystem `stream`.
public struct LogSession: Equatable, Sendable {
    /// The port that the client reached.
    public var serverPort: UInt16
    /// Bytes that came from the target and went to it.
    public var upstream: (received: UInt64, sent: UInt64) = (0, 0)

    /// Tells of a session in which a target had no part yet.
    public init(serverPort: UInt16) { self.serverPort = serverPort }

    /// Compares all of it.
    public static func == (left: LogSession, right: LogSession) -> Bool {
        left.serverPort == right.serverPort && left.upstream == right.upstream
    }
}

/// How a client's side is secured, as Kong's log plugins tell it.
public struct LogSecurityFacts: Equatable, Sendable {
    /// Such as `TLSv1.3`.
    public var version: String
    /// The cipher suite in OpenSSL's spelling.
    public var cipher: String
    /// `NONE` without a certificate, `SUCCESS`, or `FAILED:` and why.
    public var verification: String

    /// Brings the facts together.
    public init(version: String, cipher: String, verification: String) {
        self.version = version
        self.cipher = cipher
        self.verification = verification
    }

    func write(to text: inout LogText) {
        text.open("tls")
        text.string("version", self.version)
        text.string("cipher", self.cipher)
        text.string("client_verify", self.verification)
        text.close()
    }
}

extension LogRecord {
    /// The JSON object of a session, in one line.
    func json(of session: LogSession) -> [UInt8] {
        var text = LogText()
        text.open()
        text.open("session")
        self.security?.write(to: &text)
        text.number("received", Int64(clamping: self.sizes.request))
        text.number("sent", Int64(clamping: self.sizes.response))
        text.number("status", Int64(self.status))
        text.number("server_port", Int64(session.serverPort))
        text.close()
        text.open("upstream")
        text.number("received", Int64(clamping: session.upstream.received))
        text.number("sent", Int64(clamping: session.upstream.sent))
        text.close()
        text.open("latencies")
        text.number("kong", self.latencies.gateway)
        text.number("session", self.latencies.request)
        text.close()
        self.writeRest(&text)
        text.close()
        return text.bytes
    }
}
