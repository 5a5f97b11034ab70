internal import MeshPrimitives

/// How an entry of the access log is written.
public enum AccessLogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line.
    case json
    /// The Common Log Format of NCSA httpd.
    case common
    /// Common with `Referer` and `User-Agent`, the default of nginx and Kong.
    case combined

    /// Longest part of a target, referer or user agent that is written: 2,048 bytes.
    public static let textByteCount = 2_048

    /// The members of a JSON line that name a route, ready to be written; both names are JSON
    /// literals.
    public static func routeMembers(service: String, route: String) -> String {
        ",\"service\":\(service),\"route\":\(route)"
    }

    /// The member of a JSON line that names a target's address, a JSON literal.
    public static func upstreamMember(address: String) -> String { ",\"upstream\":\(address)" }

    /// Writes one line with its LF.
    ///
    /// Whatever the entry holds, the line has no other line end, no control character and no byte
    /// outside ASCII in text that came from outside, so that no log reader is fooled and no
    /// terminal steered.
    public func write(_ entry: AccessLogEntry, into line: inout HeadWriter) {
        switch self {
        case .json: Self.writeJSON(entry, into: &line)
        case .common, .combined:
            Self.writeCommon(entry, into: &line)
            if self == .combined {
                line.write(" ")
                line.write(logString: entry.referer, limit: Self.textByteCount)
                line.write(" ")
                line.write(logString: entry.userAgent, limit: Self.textByteCount)
            }
            line.write("\n")
        }
    }

    private static func writeJSON(_ entry: AccessLogEntry, into output: inout HeadWriter) {
        var line = output
        defer { output = line }
        line.write("{\"time_ms\":", decimal: entry.milliseconds)
        line.write(",\"request_id\":\"", entry.requestID, "\",\"client\":\"")
        line.write("", entry.client, "\",\"method\":\"")
        line.write(jsonText: entry.method, limit: Self.textByteCount)
        line.write("\",\"host\":\"")
        line.write(jsonText: entry.host, limit: Self.textByteCount)
        line.write("\",\"target\":\"")
        line.write(jsonText: entry.target, limit: Self.textByteCount)
        line.write("\",\"status\":", decimal: UInt64(entry.status))
        line.write(entry.routeMembers)
        line.write(entry.upstreamMember)
        line.detour { Self.writeNumbers(entry, into: &$0) }
        if entry.failure != nil || entry.cut != nil {
            line.detour { Self.writeFailure(entry, into: &$0) }
        }
        line.write("}\n")
    }

    @inline(never)
    private static func writeNumbers(_ entry: AccessLogEntry, into output: inout HeadWriter) {
        var line = output
        defer { output = line }
        line.write(",\"tries\":", decimal: entry.tries)
        line.write(",\"request_bytes\":", decimal: entry.requestByteCount)
        line.write(",\"response_bytes\":", decimal: entry.responseByteCount)
        line.write(",\"request_us\":", decimal: entry.requestMicroseconds)
        if let waited = entry.upstreamMicroseconds {
            line.write(",\"upstream_us\":", decimal: waited)
        }
    }

    @inline(never)
    private static func writeFailure(_ entry: AccessLogEntry, into line: inout HeadWriter) {
        if let failure = entry.failure {
            line.write(",\"error\":{\"owner\":\"")
            line.write(failure.owner)
            line.write("\",\"cause\":\"")
            line.write(failure.cause)
            line.write("\"}")
        }
        if let cut = entry.cut {
            line.write(",\"cut\":\"")
            line.write(cut)
            line.write("\"")
        }
    }

    /// `client - user [06/Nov/1994:08:49:37 +0000] "GET / HTTP/1.1" 200 1024`.
    private static func writeCommon(_ entry: AccessLogEntry, into line: inout HeadWriter) {
        line.write(logWord: entry.client)
        line.write(" - ")
        line.write(logWord: entry.user)
        line.write(" [")
        let time = CivilTime(secondsSince1970: entry.milliseconds / 1_000)
        time.writeDate(separator: "/", into: &line)
        line.write(":")
        time.writeTime(into: &line)
        line.write(" +0000] \"")
        if entry.method.isEmpty {
            line.write("-")
        } else {
            line.write(logText: entry.method, limit: Self.textByteCount)
            line.write(" ")
            line.write(logText: entry.target, limit: Self.textByteCount)
            switch entry.version {
            case .http10: line.write(" HTTP/1.0")
            case .http11: line.write(" HTTP/1.1")
            case .http2: line.write(" HTTP/2.0")
            }
        }
        line.write("\" ")
        line.write(decimal: UInt64(entry.status))
        line.write(" ")
        line.write(decimal: entry.responseByteCount)
    }
}

extension HeadWriter {
    /// Appends a JSON string literal of at most `limit` bytes of text.
    ///
    /// Bytes outside printable ASCII become `\u00XX`, so that no terminal is ever steered by a log.
    @inline(__always)
    public mutating func write(jsonString text: UnsafeRawBufferPointer, limit: Int) {
        self.write(byte: UInt8(ascii: "\""))
        self.write(jsonText: text, limit: limit)
        self.write(byte: UInt8(ascii: "\""))
    }

    /// Appends what stands between the quotes of ``write(jsonString:limit:)``.
    @inline(__always)
    fileprivate mutating func write(jsonText text: UnsafeRawBufferPointer, limit: Int) {
        self.writeRuns(text, limit) { writer, byte in
            switch byte {
            case UInt8(ascii: "\""): writer.write("\\\"")
            case UInt8(ascii: "\\"): writer.write("\\\\")
            default:
                writer.write("\\u00")
                writer.write(hexadecimal: UInt64(byte), digitCount: 2)
            }
        }
    }

    /// Appends a quoted string of the Common format; `"-"` when empty.
    fileprivate mutating func write(logString text: UnsafeRawBufferPointer, limit: Int) {
        self.write(byte: UInt8(ascii: "\""))
        if text.isEmpty { self.write("-") }
        self.write(logText: text, limit: limit)
        self.write(byte: UInt8(ascii: "\""))
    }

    /// Appends text with nginx's escapes: `\xHH` for quotes, backslashes and all but printable
    /// ASCII.
    fileprivate mutating func write(logText text: UnsafeRawBufferPointer, limit: Int) {
        self.writeRuns(text, limit) { writer, byte in
            writer.write("\\x")
            writer.write(byte: PathEscape.digit(byte >> 4))
            writer.write(byte: PathEscape.digit(byte & 15))
        }
    }

    /// Appends a word outside quotes, spaces escaped, too; `-` when empty.
    fileprivate mutating func write(logWord text: UnsafeRawBufferPointer) {
        if text.isEmpty { self.write("-") }
        for byte in text.prefix(AccessLogFormat.textByteCount) {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                self.write(byte: byte)
            } else {
                self.write("\\x")
                self.write(byte: PathEscape.digit(byte >> 4))
                self.write(byte: PathEscape.digit(byte & 15))
            }
        }
    }

    /// Copies runs of plain bytes at once and hands every other byte to `escape`.
    @inline(__always)
    private mutating func writeRuns(
        _ text: UnsafeRawBufferPointer,
        _ limit: Int,
        _ escape: (inout HeadWriter, UInt8) -> Void
    ) {
        var rest = UnsafeRawBufferPointer(rebasing: text[..<min(text.count, limit)])
        while true {
            let plain = self.write(plainPrefixOf: rest)
            guard plain < rest.count else { return }
            self.detour { escape(&$0, rest[plain]) }
            rest = UnsafeRawBufferPointer(rebasing: rest[(plain + 1)...])
        }
    }
}
