/// The lines that tell a client which route and service its request met.
///
/// Source: Kong 3.x, `allow_debug_header` with the request field `Kong-Debug: 1`.
public enum DebugFields {
    /// Whether the request asks for them; whether it may is a setting.
    public static func areAsked(
        by head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let octets = OctetView(bytes)
        for index in 0..<head.fieldCount where fields[index].kind == .other {
            if octets.equals(fields[index].name, "kong-debug") {
                return octets.equals(fields[index].value, "1")
            }
        }
        return false
    }
}
