public import MeshEntities
public import MeshHTTP
public import MeshPrimitives

/// What plugins may know about one request; all bytes are borrowed for the call.
public struct PluginRequest {
    /// The head.
    public var head: RequestHead
    /// The head's fields.
    public var fields: HeaderFieldBuffer
    /// What the head was read from.
    public var bytes: UnsafeRawBufferPointer
    /// 128 random bits, fresh for every request.
    public var random: (high: UInt64, low: UInt64)
    /// 128 bits drawn once when the worker started.
    public var worker: (high: UInt64, low: UInt64)
    /// How many requests the worker has had.
    public var counter: UInt64
    /// The address the client connected to, as text.
    public var listenAddress: UnsafeRawBufferPointer
    /// The port the client connected to.
    public var listenPort: UInt16
    /// Number of the connection within the process.
    public var connection: UInt64
    /// How many requests the connection has had, this one included.
    public var connectionRequests: UInt64
    /// This process.
    public var process: UInt64
    /// Who the client is; what a trusted proxy in front says, if there is one.
    public var clientAddress = IPAddress.v4(0)
    /// Whether the client speaks HTTP/2.
    public var isHTTP2 = false
    /// The consumers and credentials of the configuration that the request began on.
    public var consumers = ConsumerDirectory.empty
    /// The path as routes match it: without escapes and dot segments.
    public var path = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What the route's regexes capture of the path; nil where no step asks.
    public var captures: RouteCaptures?
    /// The matched route and its service as JSON, empty without one; nil where no step asks.
    public var matched: (route: [UInt8], service: [UInt8])?
    /// The matched route.
    public var route: EntityID?
    /// The service of the matched route.
    public var service: EntityID?
    /// What all workers of this node share; nil where there is nothing of the kind.
    public var shared: PluginShared?
    /// OpenSSL's session of the client's connection; nil without TLS.
    public var secured: OpaquePointer?
    /// The body, where a step of the access phase has asked for it.
    public var content = RequestContent.unasked
    /// Milliseconds since 1970.
    public var wallMilliseconds: UInt64
    /// Where work is done that would hold a worker up; nil where there is no such place.
    public var outside: (any PluginOutside)?
    /// How the request goes on if the step at hand suspends it; nil where nothing can be.
    public var resumption: PluginResumption?

    /// Creates a request whose connection and clock are not known.
    public init(
        head: RequestHead,
        fields: HeaderFieldBuffer,
        bytes: UnsafeRawBufferPointer,
        random: (high: UInt64, low: UInt64),
        worker: (high: UInt64, low: UInt64),
        counter: UInt64
    ) {
        self.head = head
        self.fields = fields
        self.bytes = bytes
        self.random = random
        self.worker = worker
        self.counter = counter
        self.listenAddress = UnsafeRawBufferPointer(start: nil, count: 0)
        self.listenPort = 0
        self.connection = 0
        self.connectionRequests = 0
        self.process = 0
        self.wallMilliseconds = 0
    }
}

extension PluginRequest {
    /// The first value of a field that is not empty; `name` is in lower case.
    func value(named name: [UInt8]) -> UnsafeRawBufferPointer? {
        var found: UnsafeRawBufferPointer?
        self.anyValue(named: name) { value in
            if !value.isEmpty { found = value }
            return !value.isEmpty
        }
        return found
    }

    /// Whether there is a field of a name, which is in lower case.
    func hasField(named name: [UInt8]) -> Bool { self.anyValue(named: name) { _ in true } }

    /// Whether a value of a field passes a test; `name` is in lower case.
    @discardableResult
    func anyValue(named name: [UInt8], where test: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        name.withUnsafeBytes { name in
            self.fields.anyValue(
                named: name,
                count: self.head.fieldCount,
                of: self.bytes,
                where: test
            )
        }
    }

    /// The query with its `?`, as the target gets it so far; empty without one.
    func query(_ edits: PluginEdits) -> UnsafeRawBufferPointer {
        guard edits.replacesQuery else { return self.head.query.bytes(of: self.bytes) }
        return edits.query.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension PluginRequest {
    /// The value of the first cookie of a name (RFC 6265 section 4.2.1).
    func cookie(_ name: [UInt8]) -> UnsafeRawBufferPointer? {
        var found: UnsafeRawBufferPointer?
        self.anyValue(named: Self.cookieField) { value in
            var at = 0
            while at < value.count {
                var end = at
                while end < value.count, value[end] != UInt8(ascii: ";") { end += 1 }
                var start = at
                while start < end, value[start] == UInt8(ascii: " ") { start += 1 }
                at = end + 1
                let pair = UnsafeRawBufferPointer(rebasing: value[start..<end])
                guard pair.count > name.count, pair[name.count] == UInt8(ascii: "="),
                    pair.starts(with: name)
                else { continue }
                found = UnsafeRawBufferPointer(rebasing: pair[(name.count + 1)...])
                return true
            }
            return false
        }
        return found
    }

    private static let cookieField = Array("cookie".utf8)
}
