/// What a client says of itself in its first message (RFC 8446 section 4.1.2).
public struct ClientHello: Equatable, Sendable {
    /// The server name (SNI) in lower case; nil without one.
    public let serverName: String?
    /// The application protocols (ALPN) offered, by preference.
    public let protocols: [String]
    /// Whether TLS 1.3 is offered.
    public let offersTLS13: Bool

    /// Reads a hello without its four bytes of type and length; nil for a malformed one.
    init?(_ body: UnsafeRawBufferPointer) {
        var reader = HelloReader(body)
        guard let version = reader.number(byteCount: 2), version >> 8 == 3,
            reader.bytes(32) != nil,
            let sessionID = reader.vector(lengthByteCount: 1), sessionID.count <= 32,
            let suites = reader.vector(lengthByteCount: 2), !suites.isEmpty, suites.count % 2 == 0,
            let compressions = reader.vector(lengthByteCount: 1), !compressions.isEmpty
        else { return nil }
        var extensions = Extensions()
        if !reader.isAtEnd {
            guard let list = reader.vector(lengthByteCount: 2), reader.isAtEnd,
                extensions.read(list)
            else { return nil }
        }
        self.serverName = extensions.serverName
        self.protocols = extensions.protocols
        self.offersTLS13 = extensions.offersTLS13
    }

    private struct Extensions {
        var serverName: String?
        var protocols: [String] = []
        var offersTLS13 = false
        private var seen: Set<Int> = []

        /// False for a malformed list or one that repeats an extension (RFC 8446 section 4.2).
        mutating func read(_ list: UnsafeRawBufferPointer) -> Bool {
            var reader = HelloReader(list)
            while !reader.isAtEnd {
                guard let type = reader.number(byteCount: 2),
                    let body = reader.vector(lengthByteCount: 2),
                    self.seen.insert(type).inserted,
                    self.take(type, body)
                else { return false }
            }
            return true
        }

        private mutating func take(_ type: Int, _ body: UnsafeRawBufferPointer) -> Bool {
            switch type {
            case 0: self.takeServerName(body)
            case 16: self.takeProtocols(body)
            case 43: self.takeVersions(body)
            default: true
            }
        }

        private mutating func takeServerName(_ body: UnsafeRawBufferPointer) -> Bool {
            guard let name = ServerNameExtension.hostName(in: body) else { return false }
            self.serverName = String(decoding: name.map(\.lowercased), as: UTF8.self)
            return true
        }

        private mutating func takeProtocols(_ body: UnsafeRawBufferPointer) -> Bool {
            var reader = HelloReader(body)
            guard let list = reader.vector(lengthByteCount: 2), reader.isAtEnd else { return false }
            var names = HelloReader(list)
            while !names.isAtEnd {
                guard let name = names.vector(lengthByteCount: 1), !name.isEmpty else {
                    return false
                }
                self.protocols.append(String(decoding: name, as: UTF8.self))
            }
            return !self.protocols.isEmpty
        }

        private mutating func takeVersions(_ body: UnsafeRawBufferPointer) -> Bool {
            var reader = HelloReader(body)
            guard let list = reader.vector(lengthByteCount: 1), reader.isAtEnd,
                list.count % 2 == 0
            else { return false }
            var versions = HelloReader(list)
            while let version = versions.number(byteCount: 2) {
                self.offersTLS13 = self.offersTLS13 || version == 0x0304
            }
            return true
        }
    }
}

/// Takes bytes from the front of hostile ones; nil when there are too few.
private struct HelloReader {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.rest = bytes }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= self.rest.count else { return nil }
        let taken = UnsafeRawBufferPointer(rebasing: self.rest.prefix(count))
        self.rest = UnsafeRawBufferPointer(rebasing: self.rest.dropFirst(count))
        return taken
    }

    /// A big-endian number of at most three bytes.
    mutating func number(byteCount: Int) -> Int? {
        self.bytes(byteCount)?.reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func vector(lengthByteCount: Int) -> UnsafeRawBufferPointer? {
        guard let count = self.number(byteCount: lengthByteCount) else { return nil }
        return self.bytes(count)
    }
}
