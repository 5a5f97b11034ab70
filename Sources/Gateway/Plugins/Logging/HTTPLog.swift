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
        ] + LogFields.formerQueue,
        takesStreams: true
    ) { settings throws(PluginError) in
        let fields = LogFields(settings)
        let endpoint = try HTTPLogEndpoint(
            try settings.text("http_endpoint") ?? "",
            field: "http_endpoint",
            settings,
            method: try settings.text("method") ?? "POST",
            contentType: try settings.text("content_type") ?? "application/json",
            milliseconds: try fields.timeout()
        )
        return try fields.step(.http(endpoint), try fields.delivery())
    }
}

extension HTTPLogEndpoint {
    /// Reads a URL, and the fields that the setting `headers` adds.
    init(
        _ text: String,
        field: String,
        _ settings: PluginSettings,
        method: String = "POST",
        contentType: String?,
        milliseconds: Int64
    ) throws(PluginError) {
        let endpoint = HTTPLogEndpoint(
            text,
            method: method,
            contentType: contentType,
            milliseconds: milliseconds
        )
        guard let endpoint else { throw settings.error(field, "missing host in url") }
        let hasUser = Self.split(text)?.authority.contains("@") ?? false
        self.host = endpoint.host
        self.port = endpoint.port
        self.security = endpoint.security
        self.head = endpoint.head + Array(try Self.headers(settings, hasUser: hasUser).utf8)
        self.milliseconds = milliseconds
    }

    /// Reads a URL; nil for one that has no host, or is not of HTTP.
    init?(_ text: String, method: String, contentType: String?, milliseconds: Int64) {
        guard let (isSecure, authority, rest) = Self.split(text), FieldText.isValue(text),
            !text.contains(" ")
        else { return nil }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        guard let (host, port) = Self.part(String(place), standard: isSecure ? 443 : 80) else {
            return nil
        }
        let path = rest.prefix { $0 != "#" }
        var lines = "\(method) "
        lines += (path.hasPrefix("/") ? "" : "/") + path + " HTTP/1.1\r\nHost: \(place)\r\n"
        if let contentType { lines += "Content-Type: \(contentType)\r\n" }
        let user = authority.dropLast(place.utf8.count)
        if !user.isEmpty {
            lines += "Authorization: Basic \(Base64.encode(Array(user.dropLast().utf8)))\r\n"
        }
        self.host = host
        self.port = port
        self.security = isSecure ? LogSecurity(name: host) : nil
        self.head = Array(lines.utf8)
        self.milliseconds = milliseconds
    }

    /// The parts of a URL: whether it is of HTTPS, its authority, and what follows; nil for one of another
    /// scheme.
    private static func split(
        _ text: String
    ) -> (isSecure: Bool, authority: Substring, rest: Substring)? {
        let scheme = ["http://", "https://"].first { text.hasPrefix($0) }
        guard let scheme else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        return (scheme == "https://", authority, rest.dropFirst(authority.count))
    }

    private static func headers(
        _ settings: PluginSettings,
        hasUser: Bool
    ) throws(PluginError) -> String {
        var lines = ""
        for field in settings.value("headers")?.fields ?? [] {
            let value = field.node.value.text ?? ""
            if ["host", "content-length", "content-type"].contains(field.name.lowercased()) {
                throw settings.error("headers", "cannot contain '\(field.name)' header")
            }
            guard FieldText.isName(field.name), FieldText.isValue(value) else {
                throw settings.error("headers", "bad header name '\(field.name)'")
            }
            if hasUser, field.name.lowercased() == "authorization" {
                throw settings.error(
                    "headers",
                    "specifying both an 'Authorization' header and user info in 'http_endpoint' is "
                        + "not allowed"
                )
            }
            lines += "\(field.name): \(value)\r\n"
        }
        return lines
    }

    /// Host and port of an authority.
    private static func part(
        _ authority: String,
        standard: UInt16
    ) -> (host: String, port: UInt16)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = String(authority[authority.index(after: authority.startIndex)..<end])
            let rest = authority[authority.index(after: end)...]
            guard !rest.isEmpty else { return (host, standard) }
            return UInt16(rest.dropFirst()).map { (host, $0) }
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty, parts.count <= 2 else { return nil }
        guard parts.count == 2 else { return (String(host), standard) }
        return UInt16(parts[1]).map { (String(host), $0) }
    }
}
