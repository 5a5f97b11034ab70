/// A request head read for clarity, with arrays and no care for speed: what ``RequestHead`` must
/// agree with wherever the head has arrived whole.
struct SlowRequest: Equatable {
    struct Field: Equatable {
        let name: [UInt8]
        let value: [UInt8]
        var isNominated = false
    }

    enum Framing: Equatable {
        case none
        case length(UInt64)
        case chunked
    }

    private struct Refused: Error {}

    var method: [UInt8] = []
    var target: [UInt8] = []
    var isHTTP11 = true
    var host: [UInt8] = []
    var port = 0
    var fields: [Field] = []
    var framing: Framing = .none
    var keepAlive = true
    var consumed = 0

    /// `nil` for a refused head; an incomplete one must not be given.
    static func read(_ bytes: [UInt8]) -> SlowRequest? {
        var request = SlowRequest()
        return (try? request.parse(bytes)) == nil ? nil : request
    }

    /// Where the first empty line ends; `nil` when there is none.
    static func end(of bytes: [UInt8]) -> Int? {
        let start = bytes.starts(with: [13, 10]) ? 2 : 0
        var lineStart = start
        for index in bytes.indices.dropFirst(start + 1)
        where bytes[index] == 10 && bytes[index - 1] == 13 {
            if index - 1 == lineStart { return index + 1 }
            lineStart = index + 1
        }
        return nil
    }

    private mutating func parse(_ bytes: [UInt8]) throws {
        guard let end = Self.end(of: bytes) else { throw Refused() }
        self.consumed = end
        let start = bytes.starts(with: [13, 10]) ? 2 : 0
        var lines = Self.lines(Array(bytes[start..<end]))
        let absolute = try self.readRequestLine(lines.removeFirst())
        self.fields = try lines.map(Self.field)
        try self.readHost(absolute)
        try self.readFraming()
        try self.readConnection()
        if self.isHTTP11, !self.values("expect").allSatisfy({ Self.lower($0) == "100-continue" }) {
            throw Refused()
        }
    }

    private static func lines(_ head: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var rest = head[...]
        while let byte = rest.popFirst() {
            if byte == 13, rest.first == 10 {
                rest = rest.dropFirst()
                lines.append(line)
                line = []
            } else {
                line.append(byte)
            }
        }
        return lines.dropLast()
    }

    private static func isToken(_ text: [UInt8]) -> Bool {
        !text.isEmpty
            && text.allSatisfy { byte in
                "!#$%&'*+-.^_`|~0123456789".utf8.contains(byte)
                    || (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80
            }
    }

    /// Leaves what the fast reader says, too.
    mutating func forgetNominations() {
        for index in self.fields.indices { self.fields[index].isNominated = false }
    }

    static func lower(_ text: [UInt8]) -> String {
        String(decoding: text, as: UTF8.self).lowercased()
    }

    /// Returns the authority of an absolute target.
    private mutating func readRequestLine(_ line: [UInt8]) throws -> [UInt8]? {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        guard parts.count == 3, Self.isToken(parts[0]), parts[0].count <= 64 else {
            throw Refused()
        }
        guard !["CONNECT", "TRACE"].contains(String(decoding: parts[0], as: UTF8.self)) else {
            throw Refused()
        }
        self.method = parts[0]
        self.target = parts[1]
        guard parts[2].count == 8, parts[2].starts(with: "HTTP/1.".utf8),
            (0x30...0x39).contains(parts[2][7])
        else { throw Refused() }
        self.isHTTP11 = parts[2][7] != 0x30
        guard !self.target.isEmpty,
            !self.target.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == 0x23 })
        else { throw Refused() }
        if self.target[0] == 0x2F { return nil }
        if self.target == [0x2A] {
            guard self.method == Array("OPTIONS".utf8) else { throw Refused() }
            return nil
        }
        for scheme in ["http://", "https://"] where self.target.count > scheme.utf8.count {
            guard Self.lower(Array(self.target.prefix(scheme.utf8.count))) == scheme else {
                continue
            }
            return Array(
                self.target.dropFirst(scheme.utf8.count).prefix { $0 != 0x2F && $0 != 0x3F }
            )
        }
        throw Refused()
    }

    private static func field(_ line: [UInt8]) throws -> Field {
        guard let colon = line.firstIndex(of: 0x3A), Self.isToken(Array(line[..<colon])) else {
            throw Refused()
        }
        let value = line[(colon + 1)...]
        guard value.allSatisfy({ $0 == 9 || $0 >= 0x20 && $0 != 0x7F }) else { throw Refused() }
        return Field(name: Array(line[..<colon]), value: Self.trimmed(value))
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 9 }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text = text.dropLast() }
        return Array(text)
    }

    private func values(_ name: String) -> [[UInt8]] {
        self.fields.filter { Self.lower($0.name) == name }.map(\.value)
    }

    private mutating func readHost(_ absolute: [UInt8]?) throws {
        let hosts = self.values("host")
        guard hosts.count == 1 || hosts.isEmpty && !self.isHTTP11 else { throw Refused() }
        for authority in hosts + (absolute.map { [$0] } ?? []) {
            (self.host, self.port) = try Self.authority(authority)
        }
    }

    private static func authority(_ text: [UInt8]) throws -> (host: [UInt8], port: Int) {
        var host = text
        var digits: [UInt8] = []
        let behind = (text.lastIndex(of: 0x5D) ?? -1) + 1
        if let colon = text[behind...].firstIndex(of: 0x3A) {
            host = Array(text[..<colon])
            digits = Array(text[(colon + 1)...])
        }
        if host.first == 0x5B {
            let inner = host.dropFirst().dropLast()
            guard host.last == 0x5D, inner.count >= 2,
                inner.allSatisfy({ "0123456789abcdefABCDEF:.".utf8.contains($0) })
            else { throw Refused() }
        } else {
            let isName = { (byte: UInt8) in
                (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80
                    || "0123456789-._~".utf8.contains(byte)
            }
            guard !host.isEmpty, host.allSatisfy(isName) else { throw Refused() }
        }
        guard !digits.isEmpty else { return (host, 0) }
        guard digits.count <= 5, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(String(decoding: digits, as: UTF8.self)), (1...65_535).contains(port)
        else { throw Refused() }
        return (host, port)
    }

    private mutating func readFraming() throws {
        let lengths = self.values("content-length")
        let codings = self.values("transfer-encoding")
        guard lengths.count + codings.count <= 1 else { throw Refused() }
        if let length = lengths.first {
            guard !length.isEmpty, length.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int64(String(decoding: length, as: UTF8.self))
            else { throw Refused() }
            if number > 0 { self.framing = .length(UInt64(number)) }
        }
        if let coding = codings.first {
            guard Self.lower(coding) == "chunked", self.isHTTP11 else { throw Refused() }
            self.framing = .chunked
        }
    }

    private mutating func readConnection() throws {
        let tokens = self.values("connection")
            .flatMap { $0.split(separator: 0x2C, omittingEmptySubsequences: true) }
            .map { Self.trimmed($0) }.filter { !$0.isEmpty }
        guard tokens.count <= 32 else { throw Refused() }
        let names = tokens.map(Self.lower)
        let isClosed = names.contains("close")
        self.keepAlive = !isClosed && (self.isHTTP11 || names.contains("keep-alive"))
        for (token, name) in zip(tokens, names) where name != "close" && name != "keep-alive" {
            guard Self.isToken(token),
                !["host", "content-length", "transfer-encoding"].contains(name)
            else { throw Refused() }
            for index in self.fields.indices where Self.lower(self.fields[index].name) == name {
                self.fields[index].isNominated = true
            }
        }
    }
}
