public import MeshHTTP

/// What steps change in one head: fields that are dropped, lines that are added.
///
/// Kept as a list beside the head, since every attempt reads the head anew and repeats the edits.
/// The caller owns the memory; what does not fit sets ``overflowed``.
public struct PluginEdits {
    private var names: HeadWriter
    /// Takes whole lines.
    public var lines: HeadWriter

    /// Creates a list without edits.
    ///
    /// - Parameters:
    ///   - names: takes a byte of length and the name, per dropped field.
    ///   - lines: takes the added lines.
    public init(names: UnsafeMutableRawBufferPointer, lines: UnsafeMutableRawBufferPointer) {
        self.names = HeadWriter(names)
        self.lines = HeadWriter(lines)
    }

    /// Whether an edit found no room, so that the head may not be sent.
    public var overflowed: Bool { self.names.overflowed || self.lines.overflowed }

    /// The dropped names, each behind a byte of length.
    public var dropped: UnsafeRawBufferPointer {
        self.names.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The added lines.
    public var added: UnsafeRawBufferPointer {
        self.lines.written ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Drops every field of a name, which is in lower case and at most 255 bytes: those that the
    /// message came with, and those that earlier steps added.
    public mutating func drop(_ name: StaticString) {
        self.lines.removeLines(named: name)
        self.names.write(byte: UInt8(truncatingIfNeeded: name.utf8CodeUnitCount))
        self.names.write(name)
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
