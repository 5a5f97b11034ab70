/// A head that was read, as far as filters change it before it is passed on.
private protocol EditableHead {
    /// How content ends whose length is about to change.
    static var framingWithoutLength: MessageFraming { get }
    var framing: MessageFraming { get set }
    var kinds: HeaderKindSet { get set }
    var fieldCount: Int { get }
}

extension EditableHead {
    fileprivate mutating func take(
        out name: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer,
        _ bytes: UnsafeRawBufferPointer
    ) {
        let octets = OctetView(bytes)
        for index in 0..<self.fieldCount where octets.equals(fields[index].name, lowercased: name) {
            fields.drop(index)
            self.kinds.formUnion(HeaderKindSet(.dropped))
        }
    }

    fileprivate mutating func takeLengthAway() {
        if self.framing != .none { self.framing = Self.framingWithoutLength }
    }
}

extension RequestHead: EditableHead {
    fileprivate static var framingWithoutLength: MessageFraming { .chunked }

    /// Takes the fields of a name, which is in lower case, out of what is forwarded.
    public mutating func drop(
        _ name: UnsafeRawBufferPointer,
        in fields: HeaderFieldBuffer,
        of bytes: UnsafeRawBufferPointer
    ) {
        self.take(out: name, fields, bytes)
    }

    /// Forwards the content, if there is any, in chunks: its length is about to change.
    public mutating func forgetLength() { self.takeLengthAway() }

    /// Forwards content of a known length in place of what there was.
    public mutating func setLength(_ count: UInt64) {
        if count == 0, self.framing == .none { return }
        self.framing = count > 0 ? .length(count) : .none
        self.declaredLength = count
    }
}

extension ResponseHead: EditableHead {
    fileprivate static var framingWithoutLength: MessageFraming { .untilClose }

    /// Takes the fields of a name, which is in lower case, out of what is passed on.
    public mutating func drop(
        _ name: UnsafeRawBufferPointer,
        in fields: HeaderFieldBuffer,
        of bytes: UnsafeRawBufferPointer
    ) {
        self.take(out: name, fields, bytes)
    }

    /// Passes the content, if there is any, on without its length, which is about to change.
    public mutating func forgetLength() { self.takeLengthAway() }
}
