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

    /// Identifiers and names as bytes; an empty one writes no line.
    public struct Place {
        /// The route's identifier.
        public var routeID = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The route's name.
        public var routeName = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The service's identifier.
        public var serviceID = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The service's name.
        public var serviceName = UnsafeRawBufferPointer(start: nil, count: 0)

        /// Creates a place that writes no line.
        public init() {}
    }

    /// Writes whole lines with their CRLF, for a hop's additional fields.
    public static func write(_ place: Place, into writer: inout HeadWriter) {
        Self.write("Kong-Route-Id: ", place.routeID, into: &writer)
        Self.write("Kong-Route-Name: ", place.routeName, into: &writer)
        Self.write("Kong-Service-Id: ", place.serviceID, into: &writer)
        Self.write("Kong-Service-Name: ", place.serviceName, into: &writer)
    }

    private static func write(
        _ name: StaticString,
        _ value: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        guard !value.isEmpty else { return }
        writer.write(name)
        writer.write(value)
        writer.write("\r\n")
    }
}
