public import MeshHTTP

/// The fields that a head came with; borrowed.
public struct ReceivedFields {
    let fields: HeaderFieldBuffer
    let count: Int
    let bytes: UnsafeRawBufferPointer

    /// Shows the first `count` fields of a head that was read from `bytes`.
    public init(_ fields: HeaderFieldBuffer, count: Int, of bytes: UnsafeRawBufferPointer) {
        self.fields = fields
        self.count = count
        self.bytes = bytes
    }

    /// All of them as texts, the names in lower case.
    var all: [(name: String, value: String)] {
        (0..<self.count).map { index in
            let field = self.fields[index]
            return (
                String(decoding: field.name.bytes(of: self.bytes), as: UTF8.self).lowercased(),
                String(decoding: field.value.bytes(of: self.bytes), as: UTF8.self)
            )
        }
    }
}

/// What steps change in one head: fields that are dropped, lines that are added.
///
/// Kept as a list beside the head, since every attempt reads the head anew and repeats the edits.
/// The caller owns the memory; what does not fit sets ``overflowed``.
public struct PluginEdits {
    private var names: HeadWriter
    /// Takes whole lines.
    public var lines: HeadWriter
    /// Takes the path for the target in place of what the route makes of the client's; nothing keeps
    /// that one.
    public var path: HeadWriter
    /// Takes the host for the target in place of the upstream's; nothing keeps that one.
    public var host: HeadWriter
    /// Takes the method for the target; nothing keeps the client's.
    public var method: HeadWriter
    /// The fields that the head at hand came with.
    public var received: ReceivedFields?
    /// What all workers of this node share; nil where there is nothing of the kind.
    public var shared: PluginShared?
    /// What a target has answered; 0 in the access phase, and for answers of the gateway.
    public var status: UInt16 = 0
    /// Set in the response phase by a step that answers, without a body, in place of the target.
    public internal(set) var refusal: UInt16 = 0
    /// The step that set ``refusal``; -1 before one did.
    public internal(set) var refusedBy: Int32 = -1
    /// Which steps have edited the head in the response phase, a bit for each of the first 64.
    public internal(set) var changedBy: UInt64 = 0
    /// Set by a step that wants the body of this message whole, before it goes on.
    public var collectsBody = false
    /// Set in the response phase by a step that looks at the whole body which the client gets, and
    /// changes nothing: the most bytes that it may have; 0 when no step does.
    public internal(set) var keepsBody = 0
    /// Set with ``collectsBody`` by a step that must see the request's body: a request whose body
    /// cannot be taken in is refused.
    public var requiresBody = false
    /// Takes names for ``responseDropped``.
    var responseNames: HeadWriter
    /// Takes whole lines for the client's response, whoever gives it; without effect in the response
    /// phase, whose lines are the client's anyway.
    public var responseLines: HeadWriter
    /// Takes the query for the target, with its `?`, once ``replacesQuery`` is set.
    public var query: HeadWriter
    /// Whether ``query`` takes the place of the client's query.
    public var replacesQuery = false

    /// Creates a list without edits.
    ///
    /// - Parameters:
    ///   - names: takes a byte of length and the name, per dropped field.
    ///   - lines: takes the added lines.
    ///   - responseNames: as `names`, for the client's response.
    ///   - responseLines: takes the lines for the client's response.
    ///   - query: takes a query in place of the client's.
    ///   - path: takes a path in place of the client's.
    ///   - host: takes a host in place of the upstream's.
    ///   - method: takes a method in place of the client's.
    public init(
        names: UnsafeMutableRawBufferPointer,
        lines: UnsafeMutableRawBufferPointer,
        responseNames: UnsafeMutableRawBufferPointer = Self.nothing,
        responseLines: UnsafeMutableRawBufferPointer = Self.nothing,
        query: UnsafeMutableRawBufferPointer = Self.nothing,
        path: UnsafeMutableRawBufferPointer = Self.nothing,
        host: UnsafeMutableRawBufferPointer = Self.nothing,
        method: UnsafeMutableRawBufferPointer = Self.nothing
    ) {
        self.names = HeadWriter(names)
        self.lines = HeadWriter(lines)
        self.responseNames = HeadWriter(responseNames)
        self.responseLines = HeadWriter(responseLines)
        self.query = HeadWriter(query)
        self.path = HeadWriter(path)
        self.host = HeadWriter(host)
        self.method = HeadWriter(method)
    }

    /// No room at all.
    public static var nothing: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// Whether an edit found no room, so that the head may not be sent.
    public var overflowed: Bool {
        self.names.overflowed || self.lines.overflowed || self.responseLines.overflowed
            || self.query.overflowed || self.responseNames.overflowed || self.path.overflowed
            || self.host.overflowed || self.method.overflowed
    }

    /// How far each list is filled, by which a step's edits are noticed.
    var extent: SIMD8<Int32> {
        let counts = SIMD8(
            self.names.count,
            self.lines.count,
            self.responseNames.count,
            self.responseLines.count,
            self.query.count + (self.replacesQuery ? 1 : 0),
            self.path.count,
            self.host.count,
            self.method.count
        )
        return SIMD8(truncatingIfNeeded: counts)
    }

    /// The dropped names, each behind a byte of length.
    public var dropped: UnsafeRawBufferPointer {
        self.names.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The names dropped from the client's response, each behind a byte of length.
    public var responseDropped: UnsafeRawBufferPointer {
        self.responseNames.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The added lines.
    public var added: UnsafeRawBufferPointer {
        self.lines.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Drops every field of a name, which is in lower case and at most 255 bytes: those that the
    /// message came with, and those that earlier steps added.
    public mutating func drop(_ name: StaticString) {
        self.drop(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// As the above, for a name from the settings.
    public mutating func drop(_ name: UnsafeRawBufferPointer) {
        self.lines.removeLines(named: name)
        self.names.write(byte: UInt8(truncatingIfNeeded: name.count))
        self.names.write(name)
    }

    /// As the above, for names each behind a byte of length.
    mutating func drop(names: [UInt8]) {
        names.withUnsafeBytes { names in
            if self.lines.count > 0 { self.lines.removeLines(namedIn: names) }
            self.names.write(names)
        }
    }

    /// Names as ``drop(names:)`` takes them.
    static func list(_ names: [[UInt8]]) -> [UInt8] {
        names.flatMap { [UInt8(truncatingIfNeeded: $0.count)] + $0 }
    }

    /// Begins to write a query in place of the one before.
    public mutating func beginQuery() {
        self.query.removeAll()
        self.replacesQuery = true
    }

    /// Adds a line.
    public mutating func add(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        self.lines.write(name)
        self.lines.write(": ")
        self.lines.write(value)
        self.lines.write("\r\n")
    }

    /// Puts a line in the place of all fields of its name, which is in lower case: those that the
    /// message came with, and those that earlier steps added.
    public mutating func set(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        self.drop(name)
        self.add(name, value)
    }

    /// Takes over edits that were kept.
    public mutating func restore(
        dropped: UnsafeRawBufferPointer,
        added: UnsafeRawBufferPointer,
        responseDropped: UnsafeRawBufferPointer,
        responseLines: UnsafeRawBufferPointer,
        query: UnsafeRawBufferPointer?
    ) {
        self.responseNames.write(responseDropped)
        self.names.write(dropped)
        self.lines.write(added)
        self.responseLines.write(responseLines)
        guard let query else { return }
        self.beginQuery()
        self.query.write(query)
    }

    /// Begins the response phase with what steps of the access phase left for it.
    public mutating func begin(
        dropped: UnsafeRawBufferPointer,
        added: UnsafeRawBufferPointer
    ) {
        self.names.write(dropped)
        self.lines.write(added)
    }

    /// Goes through names that were kept.
    public static func forEachName(
        in dropped: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var at = 0
        while at < dropped.count {
            let end = at + 1 + Int(dropped[at])
            guard end <= dropped.count else { return }
            body(UnsafeRawBufferPointer(rebasing: dropped[(at + 1)..<end]))
            at = end
        }
    }
}
