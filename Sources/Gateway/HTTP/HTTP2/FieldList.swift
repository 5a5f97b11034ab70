internal import CNghttp2

/// The lines of an HTTP/1 head as the field list that the framing layer takes.
///
/// Points into the head and copies nothing; the framing layer copies, and puts names into lower
/// case. Fields that mean something to one HTTP/1 connection only are left out (RFC 9113 section
/// 8.2.2). Whoever holds it calls ``release()``.
struct FieldList {
    private(set) var fields: UnsafeMutablePointer<nghttp2_nv>?
    private(set) var count = 0
    private var capacity = 0

    private static let leastFieldCount = 24

    mutating func release() {
        self.fields?.deallocate()
        self.fields = nil
        self.capacity = 0
        self.count = 0
    }

    mutating func removeAll() { self.count = 0 }

    mutating func append(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        self.append(
            UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
            value
        )
    }

    mutating func append(_ name: StaticString, _ value: StaticString) {
        self.append(
            name,
            UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount)
        )
    }

    mutating func append(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        flags: nghttp2_nv_flag = NGHTTP2_NV_FLAG_NONE
    ) {
        if self.count == self.capacity { self.grow() }
        // The framing layer only reads; an empty value needs an address all the same.
        let address = value.baseAddress ?? name.baseAddress
        let field = nghttp2_nv(
            name: Self.bytes(name.baseAddress),
            value: Self.bytes(address),
            namelen: name.count,
            valuelen: value.count,
            flags: UInt8(truncatingIfNeeded: flags.rawValue)
        )
        guard let fields = self.fields else { return }
        (fields + self.count).initialize(to: field)
        self.count += 1
    }

    private static func bytes(_ address: UnsafeRawPointer?) -> UnsafeMutablePointer<UInt8>? {
        UnsafeMutableRawPointer(mutating: address)?.assumingMemoryBound(to: UInt8.self)
    }

    private mutating func grow() {
        let larger = max(Self.leastFieldCount, self.capacity * 2)
        let memory: UnsafeMutablePointer<nghttp2_nv> = .allocate(capacity: larger)
        if let fields = self.fields {
            memory.moveInitialize(from: fields, count: self.count)
            fields.deallocate()
        }
        self.fields = memory
        self.capacity = larger
    }

    /// Appends the field lines from `start` on, up to an empty line or the end.
    ///
    /// - Parameters:
    ///   - head: The whole head; its lines end with CRLF.
    ///   - start: Where the first field line starts.
    ///   - dropping: Kinds that are left out beside those of the connection.
    ///   - isHandshake: Whether the field that proves a WebSocket handshake is left out.
    /// - Returns: `false` if a line is no field.
    mutating func append(
        linesOf head: UnsafeRawBufferPointer,
        from start: Int,
        dropping: HeaderKindSet = [],
        isHandshake: Bool = false
    ) -> Bool {
        let octets = OctetView(head)
        var at = start
        while at < octets.count {
            let end = octets.firstIndex(of: Octet.carriageReturn, from: at, to: octets.count)
            if end == at { return true }
            let colon = octets.firstIndex(of: Octet.colon, from: at, to: end)
            guard colon > at, colon < end else { return false }
            let name = ByteRange(start: at, count: colon - at)
            let value = octets.trimmed(colon + 1, end)
            at = min(end + 2, octets.count)
            let kind = HeaderKind.of(name, in: octets)
            if Self.ofConnection.has(kind) || dropping.has(kind) { continue }
            if kind == .te, !octets.equals(value, "trailers") { continue }
            if isHandshake, octets.equals(name, "sec-websocket-accept") { continue }
            self.append(
                name.bytes(of: head),
                value.bytes(of: head),
                flags: Self.unrepeated.has(kind) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
            )
        }
        return true
    }

    /// The value of the first field line of a kind, from `start` on.
    static func value(of kind: HeaderKind, in octets: OctetView, from start: Int) -> ByteRange? {
        var at = start
        while at < octets.count {
            let end = octets.firstIndex(of: Octet.carriageReturn, from: at, to: octets.count)
            let colon = octets.firstIndex(of: Octet.colon, from: at, to: end)
            guard colon > at, colon < end else { return nil }
            if HeaderKind.of(ByteRange(start: at, count: colon - at), in: octets) == kind {
                return octets.trimmed(colon + 1, end)
            }
            at = min(end + 2, octets.count)
        }
        return nil
    }

    /// Kinds whose values never come again: indexing them pushes useful fields out of the table and
    /// costs a quarter of a request.
    private static var unrepeated: HeaderKindSet { HeaderKindSet(.xKongRequestID) }

    private static var ofConnection: HeaderKindSet {
        [
            HeaderKindSet(.connection), HeaderKindSet(.keepAlive), HeaderKindSet(.upgrade),
            HeaderKindSet(.transferEncoding), HeaderKindSet(.proxyConnection),
        ]
    }
}
