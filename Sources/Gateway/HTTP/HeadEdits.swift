extension RequestHead {
    /// Takes the fields of a name, which is in lower case, out of what is forwarded.
    public mutating func drop(
        _ name: UnsafeRawBufferPointer,
        in fields: HeaderFieldBuffer,
        of bytes: UnsafeRawBufferPointer
    ) {
        guard fields.drop(name, count: self.fieldCount, of: bytes) else { return }
        self.kinds.formUnion(HeaderKindSet(.dropped))
    }

    /// Forwards the content, if there is any, in chunks: its length is about to change.
    public mutating func forgetLength() {
        if self.framing != .none { self.framing = .chunked }
    }
}

extension ResponseHead {
    /// Takes the fields of a name, which is in lower case, out of what is passed on.
    public mutating func drop(
        _ name: UnsafeRawBufferPointer,
        in fields: HeaderFieldBuffer,
        of bytes: UnsafeRawBufferPointer
    ) {
        guard fields.drop(name, count: self.fieldCount, of: bytes) else { return }
        self.kinds.formUnion(HeaderKindSet(.dropped))
    }

    /// Passes the content, if there is any, on without its length, which is about to change.
    public mutating func forgetLength() {
        if self.framing != .none { self.framing = .untilClose }
    }
}

extension HeaderFieldBuffer {
    fileprivate func drop(
        _ name: UnsafeRawBufferPointer,
        count: Int,
        of bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let octets = OctetView(bytes)
        var hasDropped = false
        for index in 0..<count where octets.equals(self[index].name, lowercased: name) {
            self.drop(index)
            hasDropped = true
        }
        return hasDropped
    }
}
