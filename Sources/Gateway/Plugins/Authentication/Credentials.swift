/// What a client shows in `Authorization` (RFC 9110 section 11.6.2).
enum Credentials {
    /// What follows a scheme, spaces left out; nil when the value is of another scheme.
    ///
    /// `scheme` is in lower case.
    static func after(
        _ scheme: StaticString,
        in value: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var at = 0
        while at < value.count, value[at] == UInt8(ascii: " ") { at += 1 }
        let count = scheme.utf8CodeUnitCount
        guard value.count - at > count else { return nil }
        for index in 0..<count {
            let byte = value[at + index]
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            guard (isUpper ? byte | 0x20 : byte) == scheme.utf8Start[index] else { return nil }
        }
        at += count
        guard value[at] == UInt8(ascii: " ") else { return nil }
        while at < value.count, value[at] == UInt8(ascii: " ") { at += 1 }
        guard at < value.count else { return nil }
        return UnsafeRawBufferPointer(rebasing: value[at...])
    }
}
