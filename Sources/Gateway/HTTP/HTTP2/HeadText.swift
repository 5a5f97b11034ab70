/// Turns the fields of one HTTP/2 head into the text of an HTTP/1 head (RFC 9113 section 8.3).
///
/// Pseudo-header fields come first, which the framing layer sees to; their values are kept at the
/// start of `text` until the first other field, when the start line is written behind them.
/// Cookie crumbs are joined at the end (section 8.2.3).
struct HeadText {
    /// What kind of field block is read.
    enum Role {
        case request
        case response
        case trailers
    }

    /// What the framing layer's fields amount to.
    enum Refusal: Error {
        /// A stream error of RFC 9113 section 8.1.1.
        case malformed
        /// The block is so large that reading on is a waste.
        case flood
    }

    /// How many of the largest heads may be read from one receipt; compression makes a byte of it
    /// 4 KiB of them.
    private static let headsAtOnce = 16

    private(set) var role: Role = .request
    private(set) var stream: Int32 = 0
    /// Why the head is answered without being read.
    private(set) var fault: HTTPFault?
    private(set) var isExtendedConnect = false
    private(set) var isSecure = false
    private(set) var isHead = false
    private(set) var status: UInt16 = 0
    /// Where the text starts in the arena, behind the pseudo-header fields' values.
    private(set) var start = 0

    /// Whether a block is being read.
    private(set) var isOpen = false

    private var method: ByteRange = .empty
    private var path: ByteRange = .empty
    private var authority: ByteRange = .empty
    private var hasScheme = false
    private var hasStartLine = false
    private var hasHost = false
    private var hasLength = false
    private var isConnect = false
    private var isUpgrade = false
    private var listByteCount = 0
    private var fieldCount = 0
    private var blockStart = 0

    /// Starts a block whose text goes behind what `text` holds.
    mutating func begin(_ role: Role, stream: Int32, behind text: ByteQueue) {
        self = HeadText()
        self.isOpen = true
        self.role = role
        self.stream = stream
        self.blockStart = text.count
        self.start = text.count
    }

    /// Forgets a block that is refused, or whose text was handed on.
    mutating func close() { self.isOpen = false }

    /// Moves the block to the start of the texts; returns how many bytes before it are let go.
    mutating func rebase() -> Int {
        let before = self.blockStart
        self.blockStart = 0
        self.start -= before
        return before
    }

    /// Takes in one field.
    mutating func add(
        name: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        into text: inout ByteQueue,
        cookies: inout ByteQueue,
        limits: HTTP2Limits
    ) throws(Refusal) {
        self.listByteCount += name.count + value.count + 32
        let most = limits.fieldListByteCount
        if self.listByteCount > most {
            guard self.listByteCount / 4 <= most else { throw .flood }
            self.fault = self.fault ?? .headTooLarge
        }
        if self.fault != nil { return }
        let octets = OctetView(value)
        guard octets.endOfFieldValue(from: 0) == octets.count, name.count > 0 else {
            throw .malformed
        }
        if name[0] == Octet.colon {
            try self.addPseudo(name, value, into: &text)
        } else {
            self.fieldCount += 1
            guard self.fieldCount <= limits.head.fieldCount else {
                self.fault = .tooManyFields
                return
            }
            if !self.hasStartLine { try self.writeStartLine(into: &text) }
            try self.addField(name, value, into: &text, cookies: &cookies)
        }
        if text.count - self.start + cookies.count > limits.head.headByteCount
            || text.count > limits.head.headByteCount * Self.headsAtOnce
        {
            self.fault = .headTooLarge
        }
    }

    private mutating func addPseudo(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        into text: inout ByteQueue
    ) throws(Refusal) {
        let names = OctetView(name)
        let octets = OctetView(value)
        let whole = ByteRange(start: 0, count: value.count)
        let wholeName = ByteRange(start: 0, count: name.count)
        let kept = ByteRange(start: text.count - self.blockStart, count: value.count)
        if names.equals(wholeName, ":status") {
            self.status = octets.decimal(whole).flatMap { UInt16(exactly: $0) } ?? 0
            guard value.count == 3, self.status >= 100 else { throw .malformed }
            return
        }
        if names.equals(wholeName, ":scheme") {
            self.hasScheme = true
            self.isSecure = octets.equals(whole, "https")
            guard self.isSecure || octets.equals(whole, "http") else { throw .malformed }
            return
        }
        if names.equals(wholeName, ":protocol") {
            self.isUpgrade = octets.equals(whole, "websocket")
            return
        }
        if names.equals(wholeName, ":method") {
            guard octets.endOfToken(from: 0) == octets.count, value.count > 0 else {
                throw .malformed
            }
            let method = HTTPMethod.of(whole, in: octets)
            self.isHead = method == .head
            self.isConnect = method == .connect
            self.method = kept
        } else if names.equals(wholeName, ":path") {
            guard octets.endOfTarget(from: 0) == octets.count, value.count > 0,
                octets[0] == Octet.slash || octets.equals(whole, "*")
            else { throw .malformed }
            self.path = kept
        } else if names.equals(wholeName, ":authority") {
            guard octets.endOfTarget(from: 0) == octets.count else { throw .malformed }
            self.authority = kept
        } else {
            throw .malformed
        }
        text.append(value)
        self.start = text.count
    }

    private mutating func writeStartLine(into text: inout ByteQueue) throws(Refusal) {
        self.hasStartLine = true
        switch self.role {
        case .trailers: return
        case .response:
            guard self.status > 0 else { throw .malformed }
            text.append("HTTP/1.1 ")
            self.append(digits: self.status, to: &text)
            text.append(" \r\n")
        case .request: try self.writeRequestLine(into: &text)
        }
    }

    private mutating func writeRequestLine(into text: inout ByteQueue) throws(Refusal) {
        guard !self.method.isEmpty else { throw .malformed }
        if self.isConnect && self.isUpgrade {
            guard self.hasScheme, !self.path.isEmpty, !self.authority.isEmpty else {
                throw .malformed
            }
            self.isExtendedConnect = true
            text.append("GET")
        } else {
            text.append(own: self.inText(self.method))
        }
        text.append(" ")
        if self.isConnect && !self.isUpgrade {
            // Refused by its method before anybody reads the target.
            guard !self.authority.isEmpty else { throw .malformed }
            text.append(own: self.inText(self.authority))
        } else {
            guard !self.path.isEmpty, self.hasScheme else { throw .malformed }
            text.append(own: self.inText(self.path))
        }
        text.append(" HTTP/1.1\r\n")
        guard !self.authority.isEmpty else { return }
        text.append("Host: ")
        text.append(own: self.inText(self.authority))
        text.append("\r\n")
    }

    private func inText(_ range: ByteRange) -> ByteRange {
        ByteRange(start: self.blockStart + range.start, count: range.count)
    }

    private func append(digits status: UInt16, to text: inout ByteQueue) {
        for divisor in [100, 10, 1] as [UInt16] {
            let digit = UInt8(truncatingIfNeeded: status / divisor % 10) + 0x30
            withUnsafeBytes(of: digit) { text.append($0) }
        }
    }

    private mutating func addField(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        into text: inout ByteQueue,
        cookies: inout ByteQueue
    ) throws(Refusal) {
        let octets = OctetView(name)
        guard octets.endOfToken(from: 0) == octets.count else { throw .malformed }
        let whole = ByteRange(start: 0, count: name.count)
        switch HeaderKind.of(whole, in: octets) {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade:
            throw .malformed
        case .te:
            guard OctetView(value).equals(ByteRange(start: 0, count: value.count), "trailers")
            else { throw .malformed }
        case .contentLength: self.hasLength = true
        case .host where self.role == .request:
            guard try self.takeHost(value, text) else { return }
        case .cookie where self.role == .request:
            if !cookies.isEmpty { cookies.append("; ") }
            cookies.append(value)
            return
        case .other where self.isExtendedConnect && octets.equals(whole, "sec-websocket-key"):
            // Ours is written instead; RFC 8441 section 5 has none.
            return
        case .host, .cookie, .other, .dropped, .expect, .trailer, .proxyAuthorization, .proxy,
            .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedPath,
            .xForwardedPrefix, .xRealIP, .via, .xKongRequestID, .xKongLatency, .xKong, .accept,
            .contentType, .server, .date:
            break
        }
        text.reserve(name.count + value.count + 4)
        text.append(name)
        text.append(": ")
        text.append(value)
        text.append("\r\n")
    }

    /// Whether `Host` must be written: only without `:authority`, which it must repeat otherwise
    /// (RFC 9113 section 8.3.1).
    private mutating func takeHost(
        _ value: UnsafeRawBufferPointer,
        _ text: ByteQueue
    ) throws(Refusal) -> Bool {
        guard !self.hasHost else { throw .malformed }
        self.hasHost = true
        guard !self.authority.isEmpty else { return true }
        let authority = self.inText(self.authority).bytes(of: text.bytes)
        guard authority.count == value.count else { throw .malformed }
        for index in 0..<value.count
        where OctetView.lowercased(value[index]) != OctetView.lowercased(authority[index]) {
            throw .malformed
        }
        return false
    }

    /// Ends the text; its bytes are those from ``start`` on.
    ///
    /// - Parameters:
    ///   - endsStream: Whether no content follows.
    ///   - hasContent: For a response: whether its request and status allow content.
    ///   - key: What `Sec-WebSocket-Key` is made of.
    ///   - text: Where the block began.
    ///   - cookies: The crumbs; emptied.
    /// - Throws: ``Refusal`` when a pseudo-header field is missing.
    mutating func finish(
        endsStream: Bool,
        hasContent: Bool,
        key: UInt64,
        into text: inout ByteQueue,
        cookies: inout ByteQueue
    ) throws(Refusal) {
        defer { cookies.removeAll() }
        if self.fault != nil {
            text.truncate(to: self.start)
            return
        }
        if !self.hasStartLine { try self.writeStartLine(into: &text) }
        if self.role == .trailers { return }
        if !cookies.isEmpty {
            text.append("cookie: ")
            text.append(cookies.bytes)
            text.append("\r\n")
        }
        if self.isExtendedConnect {
            text.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ")
            self.append(key: key, to: &text)
            text.append("\r\n")
        } else if hasContent, !self.hasLength, !(self.isConnect && self.role == .request) {
            if !endsStream {
                text.append("Transfer-Encoding: chunked\r\n")
            } else if self.role == .response {
                text.append("Content-Length: 0\r\n")
            }
        }
        text.append("\r\n")
    }

    /// Writes 16 bytes in base 64 (RFC 6455 section 4.1); which ones matters to nobody, since the
    /// key only proves that the other end understood the handshake.
    private func append(key: UInt64, to text: inout ByteQueue) {
        let alphabet: StaticString =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        var state = key
        for _ in 0..<21 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            withUnsafeBytes(of: alphabet.utf8Start[Int(state >> 58)]) { text.append($0) }
        }
        // The last of 22 digits holds two bits of the 16th byte.
        text.append("g==")
    }
}
