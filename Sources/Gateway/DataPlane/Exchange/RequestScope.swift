internal import CMeshSystem
internal import MeshHTTP
internal import MeshRouting

/// The request at hand: its head, laid out in the worker's memory for as long as one event lasts.
///
/// Passed `borrowing` to whoever needs it and kept by nobody. An exchange that needs its head again
/// later (a retry, an error body, a log line) has it laid out anew by ``RequestReader``.
struct RequestScope: ~Copyable {
    fileprivate let headPointer: UnsafePointer<RequestHead>
    /// The head's fields.
    let fields: HeaderFieldBuffer
    /// The bytes that head and fields refer to.
    let bytes: UnsafeRawBufferPointer
    /// The path in normal form; empty before ``RequestReader/normalize(_:)``.
    fileprivate(set) var path: UnsafeRawBufferPointer
    /// Whether the path came in normal form and needs no escape.
    fileprivate(set) var hasPlainPath = false

    /// The head.
    var head: RequestHead {
        @inline(__always)
        _read { yield self.headPointer.pointee }
    }

    /// Whether a field has the name, which is in lower case.
    func isField(_ index: Int, named name: UnsafeRawBufferPointer) -> Bool {
        let found = self.fields[index].name.bytes(of: self.bytes)
        guard found.count == name.count else { return false }
        for offset in 0..<name.count {
            let byte = found[offset]
            guard (byte &- 0x41 < 26 ? byte | 0x20 : byte) == name[offset] else { return false }
        }
        return true
    }

    /// Whether a value of the field passes the test; `name` is in lower case.
    func anyField(
        named name: UnsafeRawBufferPointer,
        _ test: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        for index in 0..<self.head.fieldCount
        where self.isField(index, named: name)
            && test(self.fields[index].value.bytes(of: self.bytes))
        {
            return true
        }
        return false
    }
}

/// Lays request heads out: when they arrive, and again for whoever needs one later.
struct RequestReader {
    private let head: UnsafeMutablePointer<RequestHead>
    private let fields: HeaderFieldBuffer
    private let path: UnsafeMutableRawBufferPointer
    private let host: UnsafeMutableRawBufferPointer
    private let kept: UnsafeMutableRawPointer
    private let limits: HeadLimits

    /// Room for any head and path.
    private static let room = 65_536

    init(limits: HeadLimits) {
        self.limits = limits
        self.head = .allocate(capacity: 1)
        self.head.initialize(to: RequestHead())
        self.fields = .allocate(capacity: limits.fieldCount)
        self.path = .allocate(byteCount: Self.room, alignment: 64)
        self.host = .allocate(byteCount: Self.room, alignment: 64)
        self.kept = .allocate(byteCount: Self.room, alignment: 64)
    }

    func deallocate() {
        self.head.deallocate()
        self.fields.deallocate()
        self.path.deallocate()
        self.host.deallocate()
        self.kept.deallocate()
    }

    /// Reads a head at the start of `bytes`.
    @inline(__always)
    func parse(_ bytes: UnsafeRawBufferPointer) -> HeadParse {
        RequestHead.parseRequest(
            bytes,
            into: &self.head.pointee,
            fields: self.fields,
            limits: self.limits
        )
    }

    /// The head that ``parse(_:)`` read last; `bytes` are its own.
    @inline(__always)
    func scope(_ bytes: UnsafeRawBufferPointer) -> RequestScope {
        RequestScope(
            headPointer: UnsafePointer(self.head),
            fields: self.fields,
            bytes: bytes,
            path: UnsafeRawBufferPointer(start: nil, count: 0)
        )
    }

    /// Finds the normal form of the path; `false` when it has none.
    @inline(__always)
    func normalize(_ scope: inout RequestScope) -> Bool {
        let raw = scope.head.path.bytes(of: scope.bytes)
        if mesh_is_plain_path(raw.baseAddress, raw.count) != 0 {
            scope.path = raw
            scope.hasPlainPath = true
            return true
        }
        guard let count = RequestPath.normalize(raw, into: self.path) else { return false }
        scope.path = UnsafeRawBufferPointer(rebasing: self.path[..<count])
        return true
    }

    /// The host in lower case, valid until the next call; `nil` when it is too long.
    @inline(__always)
    func lowerCasedHost(_ scope: borrowing RequestScope) -> UnsafeRawBufferPointer? {
        let host = scope.head.host.bytes(of: scope.bytes)
        guard host.count <= self.host.count else { return nil }
        mesh_copy_lowercased(self.host.baseAddress, host.baseAddress, host.count)
        return UnsafeRawBufferPointer(rebasing: self.host[..<host.count])
    }

    /// Changes the head at hand before it is written; as long as it is at hand.
    func edit(
        _ scope: borrowing RequestScope,
        _ change: (inout RequestHead, HeaderFieldBuffer) -> Void
    ) {
        change(&self.head.pointee, scope.fields)
    }

    /// Lays a kept head out again, as it was when it had just been read.
    func load(_ head: BlockQueue) -> RequestScope {
        let count = head.copy(to: self.kept)
        let bytes = UnsafeRawBufferPointer(start: self.kept, count: count)
        let parsed = self.parse(bytes)
        assert(parsed == .complete(consumed: count), "a kept head parses as it did before")
        var scope = self.scope(bytes)
        _ = self.normalize(&scope)
        return scope
    }
}
