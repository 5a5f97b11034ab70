/// The server name of a client's hello (RFC 6066 section 3).
enum ServerNameExtension {
    /// The first host name of an extension's body; nil when there is none or it is malformed.
    static func hostName(in body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard body.count >= 2, Self.number(body, at: 0) == body.count - 2 else { return nil }
        var start = 2
        while body.count - start >= 3 {
            let count = Self.number(body, at: start + 1)
            guard count <= body.count - start - 3 else { return nil }
            let name = UnsafeRawBufferPointer(rebasing: body[(start + 3)..<(start + 3 + count)])
            if body[start] == 0 { return Self.isHostName(name) ? name : nil }
            start += 3 + count
        }
        return nil
    }

    /// Printable ASCII without blanks, at most 255 bytes, so that it is safe in logs.
    private static func isHostName(_ name: UnsafeRawBufferPointer) -> Bool {
        (1...ServerNames.nameByteLimit).contains(name.count)
            && name.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    }
}
