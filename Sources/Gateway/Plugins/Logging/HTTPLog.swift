import MeshEntities
internal import MeshPrimitives

/// Kong's `http-log`: a request of JSON per request, or per batch of them.
///
/// Source: Kong 3.9, `kong/plugins/http-log`.
enum HTTPLog {
    static let definition = PluginDefinition(
        name: "http-log",
        priority: 12,
        fields: [
            .required("http_endpoint", .string),
            .choice("method", ["POST", "PUT", "PATCH"], "POST"),
            .choice(
                "content_type",
                ["application/json", "application/json; charset=utf-8"],
                "application/json"
            ),
            .standard("timeout", .number, .integer(10_000)),
            .standard("keepalive", .number, .integer(60_000)),
            FieldSchema("headers", .map(.string)), LogFields.queue, LogFields.customFields,
        ] + LogFields.formerQueue
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        let endpoint = try HTTPLog.endpoint(settings, fields)
        return try fields.step(.http(endpoint), try fields.delivery())
    }

    private static func endpoint(
        _ settings: PluginSettings,
        _ fields: LogFields
    ) throws(PluginError) -> HTTPLogEndpoint {
        let text = try settings.text("http_endpoint") ?? ""
        guard !text.hasPrefix("https://") else {
            throw settings.error(
                "http_endpoint",
                "https is not built yet for logs; use an http endpoint on this host"
            )
        }
        guard text.hasPrefix("http://"), FieldText.isValue(text), !text.contains(" ") else {
            throw settings.error("http_endpoint", "missing host in url")
        }
        let rest = text.dropFirst("http://".count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        guard let (host, port) = Self.part(String(place)) else {
            throw settings.error("http_endpoint", "missing host in url")
        }
        let path = rest.dropFirst(authority.count).prefix { $0 != "#" }
        var lines = "\(try settings.text("method") ?? "POST") "
        lines += (path.hasPrefix("/") ? "" : "/") + path + " HTTP/1.1\r\nHost: \(place)\r\n"
        lines += "Content-Type: \(try settings.text("content_type") ?? "application/json")\r\n"
        let user = authority.dropLast(place.utf8.count)
        if !user.isEmpty {
            lines += "Authorization: Basic \(Base64.encode(Array(user.dropLast().utf8)))\r\n"
        }
        for field in settings.value("headers")?.fields ?? [] {
            let value = field.node.value.text ?? ""
            if ["host", "content-length", "content-type"].contains(field.name.lowercased()) {
                throw settings.error("headers", "cannot contain '\(field.name)' header")
            }
            guard FieldText.isName(field.name), FieldText.isValue(value) else {
                throw settings.error("headers", "bad header name '\(field.name)'")
            }
            if !user.isEmpty, field.name.lowercased() == "authorization" {
                throw settings.error(
                    "headers",
                    "specifying both an 'Authorization' header and user info in 'http_endpoint' is "
                        + "not allowed"
                )
            }
            lines += "\(field.name): \(value)\r\n"
        }
        return HTTPLogEndpoint(
            host: host,
            port: port,
            head: Array(lines.utf8),
            milliseconds: try fields.timeout()
        )
    }

    /// Host and port of an authority, 80 when it names none.
    private static func part(_ authority: String) -> (host: String, port: UInt16)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = String(authority[authority.index(after: authority.startIndex)..<end])
            let rest = authority[authority.index(after: end)...]
            guard !rest.isEmpty else { return (host, 80) }
            return UInt16(rest.dropFirst()).map { (host, $0) }
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty, parts.count <= 2 else { return nil }
        guard parts.count == 2 else { return (String(host), 80) }
        return UInt16(parts[1]).map { (String(host), $0) }
    }
}
